"""Every row of a table is in the predictions or in the quarantine, with the versions that it comes from."""

from __future__ import annotations

from collections import Counter
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from tests import tiny
from tests.tables import commit_table, rows_of

from laketrain.config.evaluate import Predict
from laketrain.config.windows import Windows
from laketrain.errors import DataError
from laketrain.features import FeatureSet
from laketrain.feed.dataset import Dataset
from laketrain.lake import Lake, Version
from laketrain.models.saving import load_model
from laketrain.predict import fingerprint_predict, predict
from laketrain.workload import Convert

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.slow
COLUMNS = "name string, pixels array<int>, label int, scanner string"


def table_rows(count: int) -> list[dict[str, Any]]:
    images, labels = tiny.draw(count, seed=9)
    return [{"name": f"row {i}", "pixels": image.reshape(-1).tolist(), "label": int(label), "scanner": "a"}
            for i, (image, label) in enumerate(zip(images, labels, strict=True))]


@pytest.fixture(scope="module")
def model(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Version:
    """A model of a dataset that the real convert made from 120 rows."""
    from laketrain.convert import convert, fingerprint_convert

    lake = Lake(tmp_path_factory.mktemp("a lake"))
    table = commit_table(lake, "training", table_rows(120), COLUMNS, zone="integrated")
    config = Convert.model_validate({
        "table": "training", "split": {"by": "name", "fractions": {"train": 0.8, "test": 0.2}},
        "features": tiny.FEATURES.declared()})
    return tiny.commit_model(convert(spark, table, "tiny", config, fingerprint_convert(table, config)))


def predicted(spark: SparkSession, table: Version, model: Version, **settings: Any) -> Version:
    config = Predict.model_validate({"table": table.name, **settings})
    return predict(spark, table, model, config.name or table.name, config, fingerprint_predict(table, model, config))


def test_a_table_and_its_dataset_have_the_same_predictions(spark: SparkSession, model: Version) -> None:
    """The same rows both ways: through the dataset to the model, and through predict."""
    lake = model.lake
    version = predicted(spark, lake.table("integrated", "training").get(1), model)
    result = {row["name"]: row for row in rows_of(version)}
    dataset, loaded = Dataset(lake.table("features", "tiny").get(1)), load_model(model)
    seen = 0
    for split, count in dataset.splits.items():
        with dataset.reader(split, ["image", "name"]) as reader:
            arrays = reader.read(np.arange(count))
        probabilities = np.asarray(loaded({"image": arrays["image"]}))
        rows = [result[name] for name in arrays["name"]]
        assert [row["class"] for row in rows] == probabilities.argmax(axis=1).tolist()
        assert [row["probability"] for row in rows] == pytest.approx(probabilities.max(axis=1).tolist(), rel=1e-5)
        seen += count
    assert seen == len(result) == 120


def test_each_row_is_scored_or_quarantined_with_its_reason(spark: SparkSession, model: Version) -> None:
    rows = table_rows(31)
    rows[4]["pixels"], rows[9]["pixels"], rows[30]["pixels"][5] = rows[4]["pixels"][:63], None, 300
    table = commit_table(model.lake, "new", rows, COLUMNS, files=3)
    version = predicted(spark, table, model, batch=8)

    result = rows_of(version)
    assert list(result[0]) == ["name", "class", "probability", "model", "data"]
    assert sorted(row["name"] for row in result) == sorted(f"row {i}" for i in range(31) if i not in (4, 9, 30))
    assert {(row["model"], row["data"]) for row in result} == {(model.ref, table.ref)}
    assert all(0.25 <= row["probability"] <= 1 for row in result)
    entry = version.entry
    assert (entry.counts["in"], entry.counts["out"], entry.counts["quarantined"]) == (31, 28, 3)
    assert entry.counts["classes"] == {str(c): n for c, n in sorted(Counter(row["class"] for row in result).items())}
    assert entry.parents == {"clean/new": table.number, "models/tiny": model.number}

    refused = rows_of(model.lake.table("quarantine", "new-predictions").latest())
    assert sorted((row["reason"], row["file"], row["rule"]) for row in refused) == [
        (reason, table.ref, "feature") for reason in
        ("image has 63 values, expected 64 = 8×8×1", "image has a value outside 0..255", "image is null")]
    assert all('"name": "row ' in row["record"] for row in refused)


def test_columns_to_keep_can_be_chosen(spark: SparkSession, model: Version) -> None:
    table = commit_table(model.lake, "kept", table_rows(3), COLUMNS)
    version = predicted(spark, table, model, keep=["scanner", "label"], name="mine")
    assert version.table == "predictions/mine"
    assert list(rows_of(version)[0]) == ["scanner", "label", "class", "probability", "model", "data"]


def test_rows_read_by_tasks_and_by_spark_have_the_same_predictions(spark: SparkSession, model: Version) -> None:
    """Only Spark reads a date."""
    rows = [{**row, "day": date(2026, 1, 1)} for row in table_rows(40)]
    table = commit_table(model.lake, "read", rows, f"{COLUMNS}, day date", files=3)
    direct = rows_of(predicted(spark, table, model, name="direct", keep=["name"]))
    by_spark = rows_of(predicted(spark, table, model, name="by-spark", keep=["name", "day"]))
    assert len(direct) == 40
    assert sorted(direct, key=lambda row: row["name"]) == [
        {name: value for name, value in row.items() if name != "day"}
        for row in sorted(by_spark, key=lambda row: row["name"])]


def test_an_empty_table_has_no_predictions(spark: SparkSession, model: Version) -> None:
    version = predicted(spark, commit_table(model.lake, "empty", [], COLUMNS), model)
    assert rows_of(version) == []
    assert (version.entry.counts["in"], version.entry.counts["out"]) == (0, 0)


@pytest.mark.parametrize(("columns", "keep", "message"), [
    ("name string, pixel array<int>", [], "has no column 'pixels', which the model needs. Next: Did you mean 'pixel'?"),
    (COLUMNS, ["scaner"], "column 'scaner' of 'keep': the table has no such column. Next: Did you mean 'scanner'?"),
    ("name string, pixels string", [], "got a column of string, expected array<integer> or binary"),
])
def test_a_table_without_the_models_columns_is_refused(spark: SparkSession, model: Version, columns: str,
                                                        keep: list[str], message: str) -> None:
    rows = [dict.fromkeys(part.split()[0] for part in columns.split(", "))]
    rows[0]["name"] = "row 0"
    table = commit_table(model.lake, "other", rows, columns)
    with pytest.raises(DataError) as caught:
        predicted(spark, table, model, keep=keep)
    assert message in str(caught.value)
    assert model.lake.table("predictions", "other").versions() == []


def test_other_settings_have_another_fingerprint(model: Version, tmp_path: Path) -> None:
    def key(**settings: Any) -> str:
        return fingerprint_predict(model, model, Predict.model_validate({"table": "new", **settings}))

    assert key() == key()
    assert len({key(), key(keep=["name"]), key(batch=8)}) == 3


LATE = "a row of its past became known, by 'seen', after the 'at' of the last, or never"


@pytest.mark.parametrize(("known_by", "classes", "late"), [
    (None, [(2, 0), (3, 2), (4, 1)], []), ("seen", [(4, 1)], [LATE, LATE])])
def test_windows_are_predicted_as_in_training(spark: SparkSession, tmp_path: Path, known_by: str | None,
                                                   classes: list[tuple[int, int]], late: list[str]) -> None:
    """A model that predicts which of a window's three past values is the largest, over a series with a gap and a tie,
    and a row of hour 2 that became known at half past three."""
    import keras

    lake = Lake(tmp_path / "lake")
    values = [3.0, 1.0, 2.0, 5.0, 4.0, 0.0, 7.0, 8.0, 6.0]
    hours = [0, 1, 2, 3, 4, 10, 11, 12, 12]
    start = datetime.fromisoformat("2020-01-01")
    rows = [{"at": start + timedelta(hours=hour), "x": x, "seen": start + timedelta(hours=3.5 if hour == 2 else hour)}
            for hour, x in zip(hours, values, strict=True)]
    table = commit_table(lake, "series", [*rows, {"at": None, "x": 9.0, "seen": start}],
                         "at timestamp_ntz, x double, seen timestamp_ntz")
    features = {"past": {"kind": "sequence", "column": "past.x", "shape": [3, 1], "scale": "none"},
                "largest": {"kind": "label", "classes": 3}, "at": {"kind": "key"}}
    inputs = keras.Input((3, 1), name="past")
    model = keras.Model({"past": inputs}, keras.layers.Softmax()(keras.layers.Flatten()(inputs)))
    with lake.table("models", "largest").stage() as draft:
        model.save(tmp_path / "model.keras")
        lake.store.put(str(tmp_path / "model.keras"), draft.path("model.keras"))
        version = draft.commit(stage="train", fingerprint="x", meta={
            "features": FeatureSet.model_validate(features).model_dump(mode="json", by_alias=True),
            "windows": Windows(order="at", lookback=3, horizon=4, max_gap=timedelta(hours=1),
                               known_by=known_by).model_dump(mode="json")})
    predicted_rows = predicted(spark, table, version)
    assert sorted((row["at"].hour, row["class"]) for row in rows_of(predicted_rows)) == classes
    refused = rows_of(lake.table("quarantine", "series-predictions").latest())
    assert sorted(row["reason"] for row in refused) == [*late, *["has no place of its own in the order of 'at'"] * 3]
    counts = predicted_rows.entry.counts
    assert (counts["in"], counts["out"], counts["quarantined"]) == (6, len(classes), 3 + len(late))

    hiding = [{**row, "past.x": -1.0} for row in rows]
    named = commit_table(lake, "named", hiding, "at timestamp_ntz, x double, seen timestamp_ntz, `past.x` double")
    for keep in ([], ["past.x"]):  # the model's own input has that name too
        with pytest.raises(DataError, match="column 'past.x': could be two things"):
            predicted(spark, named, version, keep=keep)
