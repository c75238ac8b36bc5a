"""The page on Petastorm: its code reads a dataset of the lake, with Petastorm and with plain Keras."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from laketrain.convert.petastorm import common_metadata
from laketrain.feed.dataset import Dataset
from laketrain.imports import import_tensorflow
from laketrain.lake import Version

PAGE = (Path(__file__).parents[2] / "docs" / "how-to" / "petastorm.md").read_text("utf-8")
READ, TRAIN, _ = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)


def test_petastorm_reads_the_stored_rows_of_a_split(dataset: Version) -> None:
    pytest.importorskip("petastorm")
    metadata = common_metadata("trips_train", Dataset(dataset).features, {"part-00000.parquet": 3})
    dataset.lake.store.write(dataset.path("train/_common_metadata"), metadata)
    names: dict[str, Any] = {"seen": []}
    assert "        ..." in READ
    exec(READ.replace("        ...", "        seen.append(row)"), names)
    features: Any = Dataset(dataset).features
    rows = [(features["station"].learnt_values[row.station - 1], row.temperature, row.trips) for row in names["seen"]]
    assert len(rows) == 1000
    assert ("harbour", 0.2, 28) in rows


@pytest.mark.slow
def test_plain_keras_trains_on_the_scaled_rows_of_a_split(dataset: Version) -> None:
    import_tensorflow()
    names: dict[str, Any] = {}
    exec(TRAIN, names)
    x, y, sample_weight = names["batches"].element_spec
    assert {name: tuple(spec.shape) for name, spec in x.items()} == dict.fromkeys(names["inputs"], (64,))
    assert (tuple(y.shape), tuple(sample_weight.shape)) == ((64, 1), (64,))
    assert len(names["batches"]) == names["EPOCHS"] * names["plan"].steps == 3 * 16
    losses = names["model"].history.history["loss"]
    assert losses[-1] < losses[0] < 3


@pytest.mark.slow
def test_each_epoch_has_a_new_order_and_its_padding_has_weight_0(dataset: Version) -> None:
    import_tensorflow()
    from laketrain.feed import as_tf_dataset

    plan = Dataset(dataset).plan("train", batch=64, seed=1)
    with Dataset(dataset).reader("train") as rows:
        batches = list(as_tf_dataset(plan, rows, epochs=2).as_numpy_iterator())
    [first, second] = (np.concatenate([y for _, y, _, _ in part]) for part in (batches[:16], batches[16:]))
    weights = np.concatenate([sample_weight for _, _, sample_weight, _ in batches])
    assert weights.sum() == 2 * 1000 and len(weights) == 2 * 1024
    assert not np.array_equal(first, second)
