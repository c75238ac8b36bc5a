"""A Spark task of predict, without Spark: every row is scored by the model, or has the reason why it can't be."""

from __future__ import annotations

import json

import numpy as np
import pyarrow as pa
import pytest
from tests import tiny

from laketrain.features import FeatureSet, Label
from laketrain.lake import Lake, Version
from laketrain.models.saving import load_model
from laketrain.predict import scorer
from laketrain.predict.scorer import PredictTask, score_batches
from laketrain.tasks import default_outputs

pytestmark = pytest.mark.slow
COLUMNS = ["name", "class", "probability", "model", "data", "_reason", "_record"]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Version:
    return tiny.commit_model(tiny.commit_tiny(Lake(tmp_path_factory.mktemp("lake"))))


def task_of(model: Version, *, batch: int = 16, names: tuple[str, ...] | None = None) -> PredictTask:
    features = FeatureSet.model_validate(model.entry.meta["features"])
    label = Label(column="label", names=names) if names else features["label"]
    return PredictTask(model.lake.url, model.ref, FeatureSet.of(features.inputs).to_json(),
                       default_outputs(FeatureSet.of({"label": label})),
                       "clean/new@7", ("name", "pixels", "other"), batch, ("name",), threads=1)


def batches_of(rows: list[list[int | None] | bytes | None], sizes: list[int]) -> list[pa.RecordBatch]:
    kind = pa.binary() if isinstance(rows[0], bytes) else pa.list_(pa.int32())
    whole = pa.RecordBatch.from_pydict({"name": pa.array([f"row {row}" for row in range(len(rows))]),
                                        "pixels": pa.array(rows, kind), "other": pa.array(["x"] * len(rows))})
    assert sum(sizes) == len(rows)
    return [whole.slice(start, size) for start, size in zip(np.cumsum([0, *sizes]).tolist(), sizes, strict=False)]


def scored(task: PredictTask, batches: list[pa.RecordBatch]) -> list[dict]:
    result = list(score_batches(task, iter(batches)))
    assert [batch.num_rows for batch in result] == [batch.num_rows for batch in batches]
    assert all(batch.schema.names == COLUMNS for batch in result)
    return [row for batch in result for row in batch.to_pylist()]


@pytest.mark.parametrize("batch", [1, 16, 512])
def test_predictions_are_the_models_own_on_the_pixels(model: Version, batch: int) -> None:
    images, _ = tiny.draw(40, seed=9)
    probabilities = np.asarray(load_model(model)({"image": images}))
    rows = scored(task_of(model, batch=batch), batches_of(images.reshape(40, -1).tolist(), [17, 0, 22, 1]))
    assert [row["class"] for row in rows] == probabilities.argmax(axis=1).tolist()
    assert [row["probability"] for row in rows] == pytest.approx(probabilities.max(axis=1).tolist(), rel=1e-5)
    assert [row["name"] for row in rows] == [f"row {row}" for row in range(40)]
    assert {(row["model"], row["data"], row["_reason"], row["_record"]) for row in rows} == {
        ("models/tiny@1", "clean/new@7", None, None)}


def test_a_class_is_written_as_in_the_column(model: Version) -> None:
    images, _ = tiny.draw(9, seed=9)
    batches = batches_of(images.reshape(9, -1).tolist(), [9])
    numbers = [row["class"] for row in scored(task_of(model), batches)]
    names = ("ant", "bee", "cat", "dog")
    assert [row["class"] for row in scored(task_of(model, names=names), batches)] == [names[n] for n in numbers]


def test_a_row_that_cannot_be_scored_has_its_reason_and_record(model: Version) -> None:
    images, _ = tiny.draw(6, seed=9)
    good = images.reshape(6, -1).tolist()
    bad = [good[0][:-1], None, [*good[0][:-1], 256], [*good[0][:-1], None]]
    rows = scored(task_of(model), batches_of([good[0], bad[0], good[1], bad[1], bad[2], good[2], bad[3]], [7]))
    alone = scored(task_of(model), batches_of(good[:3], [3]))
    assert [rows[i]["class"] for i in (0, 2, 5)] == [row["class"] for row in alone]
    assert [rows[i]["probability"] for i in (0, 2, 5)] == pytest.approx([row["probability"] for row in alone])
    for index, reason in ((1, "image has 63 values, expected 64 = 8×8×1"), (3, "image is null"),
                          (4, "image has a value outside 0..255"), (6, "image has a null among its values")):
        assert rows[index]["_reason"] == reason
        assert (rows[index]["class"], rows[index]["probability"]) == (None, None)
        assert rows[index]["_record"].startswith('{"name": "row ')
    assert json.loads(rows[3]["_record"]) == {"name": "row 3", "pixels": None, "other": "x"}


def test_a_batch_without_a_good_row_needs_no_model(model: Version) -> None:
    rows = scored(task_of(model), batches_of([None, [1, 2]], [2]))
    assert [row["class"] for row in rows] == [None, None]


@pytest.mark.parametrize("kind", ["list", "binary"])
def test_the_model_gets_what_convert_stores_for_the_same_rows(
        model: Version, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    """No train/serve skew: both ways have equal tensors, byte for byte."""
    fed: list[np.ndarray] = []
    monkeypatch.setattr(scorer, "_model", lambda lake, ref: lambda arrays: (
        fed.append(arrays["image"]), np.zeros((len(arrays["image"]), 4), np.float32))[1])
    images, _ = tiny.draw(tiny.SPLITS["train"], seed=0)  # what commit_tiny stores as train
    column = [image.tobytes() if kind == "binary" else image.reshape(-1).tolist() for image in images]
    scored(task_of(model, batch=50), batches_of(column, [100, 103]))
    stored, _ = tiny.rows_of(model.lake.table("features", "tiny").get(1), "train")
    together = np.concatenate(fed)
    assert (together.dtype, together.shape) == (stored.dtype, stored.shape)
    assert together.tobytes() == stored.tobytes()
