from __future__ import annotations

import subprocess
import sys
import threading
from dataclasses import replace

import numpy as np
import pytest

from laketrain.errors import DataError, LaunchError
from laketrain.features import FeatureSet
from laketrain.feed import LanePlan, array_batches, as_tf_dataset, tensor_batches
from laketrain.feed import tensors as tensors_module

tf = pytest.importorskip("tensorflow")
pytestmark = pytest.mark.slow

ROWS = 611
CUTS = [[1, 299, 7], [4], [300]]
PLAN = LanePlan(rows=ROWS, batch=32, lanes=8, block_rows=12, window_blocks=2, seed=11)


def test_importing_the_feed_does_not_import_tensorflow_spark_or_petastorm() -> None:
    code = ("import laketrain.feed, sys; "
            "print([name for name in ('tensorflow', 'keras', 'pyspark', 'petastorm') if name in sys.modules])")
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


def test_elements_have_the_documented_structure_and_static_shapes(write) -> None:
    dataset = as_tf_dataset(PLAN, write(CUTS).reader("image", "label", "id"), rank=1, ranks=4)
    assert dataset.element_spec == (
        {"image": tf.TensorSpec((8, 3, 2, 1), tf.uint8)}, tf.TensorSpec((8,), tf.int64),
        tf.TensorSpec((8,), tf.float32), tf.TensorSpec((), tf.int32))
    assert int(dataset.cardinality()) == PLAN.steps


@pytest.mark.parametrize("start", [0, 8])
def test_tensors_equal_the_array_batches_of_several_epochs(write, start: int) -> None:
    split = write(CUTS)
    dataset = as_tf_dataset(PLAN, split.reader(), rank=1, ranks=2, epoch=3, start_step=start, epochs=2)
    expected = list(array_batches(PLAN, split.reader(), 1, 2, epoch=3, start_step=start, epochs=2))
    for _ in range(2):  # a dataset can be iterated again
        result = list(dataset.as_numpy_iterator())
        assert len(result) == len(expected) == 2 * PLAN.steps - start
        for (inputs, target, weights, count), batch in zip(result, expected, strict=True):
            np.testing.assert_array_equal(inputs["image"], batch.arrays["image"])
            np.testing.assert_array_equal(target, batch.arrays["label"])
            np.testing.assert_array_equal(weights, batch.weights)
            assert count == batch.valid_count


@pytest.mark.parametrize("start", [0, 8])
@pytest.mark.parametrize("chunk", [1, 600, 1 << 20], ids=["a step a chunk", "some steps", "a buffer a chunk"])
def test_batches_are_the_same_for_any_chunk_size(write, monkeypatch, start: int, chunk: int) -> None:
    monkeypatch.setattr(tensors_module, "CHUNK_BYTES", chunk)
    split = write(CUTS)
    result = list(tensor_batches(PLAN, split.reader(), rank=1, ranks=2, epoch=3, start_step=start, epochs=2))
    expected = list(array_batches(PLAN, split.reader(), 1, 2, epoch=3, start_step=start, epochs=2))
    assert len(result) == len(expected) == 2 * PLAN.steps - start
    for (inputs, target, weights, count), batch in zip(result, expected, strict=True):
        np.testing.assert_array_equal(inputs["image"], batch.arrays["image"])
        np.testing.assert_array_equal(target, batch.arrays["label"])
        np.testing.assert_array_equal(weights, batch.weights)
        assert int(count) == batch.valid_count


def test_closing_early_ends_the_threads(write) -> None:
    steps = tensor_batches(PLAN, write(CUTS).reader())
    next(steps)
    steps.close()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("laketrain-feed")]


def test_an_error_names_the_damaged_file(write) -> None:
    split = write(CUTS)
    path = split.root / "data" / "part-2.parquet"
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(DataError, match=r"part-2\.parquet"):
        list(tensor_batches(PLAN, split.reader()))


def test_several_targets_are_a_dict(write) -> None:
    features = FeatureSet.model_validate({"image": {"kind": "image", "shape": [3, 2, 1], "role": "target"},
                                          "label": {"kind": "label", "classes": 250}})
    split = replace(write(CUTS), features=features)
    inputs, targets, _, _ = as_tf_dataset(PLAN, split.reader()).element_spec
    assert inputs == {}
    assert list(targets) == ["image", "label"]


def test_an_error_of_the_tf_dataset_names_the_damaged_file(write) -> None:
    split = write(CUTS)
    path = split.root / "data" / "part-2.parquet"
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(tf.errors.OpError, match="part-2.parquet"):
        list(as_tf_dataset(PLAN, split.reader()))


def test_invalid_arguments_raise_before_iteration(write) -> None:
    reader = write(CUTS).reader()
    with pytest.raises(LaunchError, match="3 ranks do not divide 8 lanes"):
        as_tf_dataset(PLAN, reader, ranks=3)
    with pytest.raises(DataError, match="plan is for 5 rows"):
        as_tf_dataset(LanePlan.of(5, 32, 6), reader)
    with pytest.raises(IndexError):
        as_tf_dataset(PLAN, reader, start_step=PLAN.steps)
