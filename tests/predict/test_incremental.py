"""Rows that the same model has predicted before keep their predictions; the result is that of scoring all rows."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from pyspark.sql.types import StructType
from tests import tiny
from tests.road import Quiet
from tests.tables import commit_table, rows_of

from laketrain.config.column_names import DIGEST
from laketrain.config.evaluate import Predict
from laketrain.errors import DataError
from laketrain.lake import Lake, Version
from laketrain.lake.contents import list_data_files
from laketrain.pipeline import Pipeline
from laketrain.predict import fingerprint_predict, predict
from laketrain.predict.incremental import with_digest
from laketrain.spark.frames import write

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.slow
COLUMNS = "name string, pixels array<int>"
Rows = list[dict[str, Any]]


def drawn(count: int) -> Rows:
    """The first of twelve rows."""
    images, _ = tiny.draw(12, seed=9)
    return [{"name": f"row {i}", "pixels": image.reshape(-1).tolist()} for i, image in enumerate(images[:count])]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Version:
    return tiny.commit_model(tiny.commit_tiny(Lake(tmp_path_factory.mktemp("a lake"))))


def predicted(spark: SparkSession, table: Version, model: Version, before: Version | None = None,
              **settings: Any) -> Version:
    config = Predict.model_validate({"table": table.name, "only_new": True, **settings})
    return predict(spark, table, model, table.name, config, fingerprint_predict(table, model, config), before)


def at(microseconds: int) -> datetime:
    return datetime.fromisoformat("2026-01-01") + timedelta(microseconds=microseconds)


def answers(version: Version) -> list[tuple[Any, ...]]:
    """Predictions by row, without the version that first had it; probabilities equal up to rounding."""
    return sorted((row["name"], row["class"], round(row["probability"], 6), row["model"]) for row in rows_of(version))


def seen_in(version: Version) -> dict[str, str]:
    return {row["name"]: row["data"] for row in rows_of(version)}


def test_new_and_changed_rows_are_scored_and_others_keep_their_predictions(spark: SparkSession, model: Version) -> None:
    rows = drawn(12)
    old = commit_table(model.lake, "grown", rows[:8], COLUMNS)
    before = predicted(spark, old, model)
    changed = {**rows[2], "pixels": rows[11]["pixels"]}
    new = commit_table(model.lake, "grown", [rows[0], rows[0], changed, *rows[3:10]], COLUMNS, files=3)
    version = predicted(spark, new, model, before)

    assert answers(version) == answers(predicted(spark, new, model, only_new=False))
    assert seen_in(version) == {f"row {i}": old.ref if i in (0, 3, 4, 5, 6, 7) else new.ref
                                for i in (0, 2, 3, 4, 5, 6, 7, 8, 9)}
    counts = version.entry.counts
    assert (counts["in"], counts["out"], counts["quarantined"], counts["known"]) == (10, 10, 0, 7)
    # And again: predictions that were copied are reused too.
    last = predicted(spark, commit_table(model.lake, "grown", rows, COLUMNS), model, version)
    assert last.entry.counts["known"] == 8  # not row 1, which had gone, nor 2, which had changed, 10 and 11
    assert seen_in(last)["row 0"] == old.ref


def test_earlier_predictions_need_no_model(spark: SparkSession, model: Version) -> None:
    """By answers that it never gave."""
    table = commit_table(model.lake, "incremental", drawn(3), COLUMNS)
    before = predicted(spark, table, model)
    false = [{**row, "class": 99} for row in rows_of(before)]
    schema = StructType.fromJson(json.loads(before.entry.table_schema or ""))
    with model.lake.table("predictions", "incremental").stage() as draft:
        write(spark.createDataFrame(false, schema).coalesce(1), draft.url())
        doctored = draft.commit(files=list_data_files(model.lake.store, draft.path()), meta=before.entry.meta,
                                table_schema=before.entry.table_schema)
    assert {row["class"] for row in rows_of(predicted(spark, table, model, doctored))} == {99}


def test_another_model_or_other_settings_score_all_rows(spark: SparkSession, model: Version) -> None:
    table = commit_table(model.lake, "other", drawn(4), COLUMNS)
    before = predicted(spark, table, model)
    newer = commit_table(model.lake, "other", drawn(5), COLUMNS)
    other = tiny.commit_model(model.lake.table("features", "tiny").get(1))
    for version in (predicted(spark, newer, other, before), predicted(spark, newer, model, before, probabilities=True),
                    predicted(spark, newer, model, predicted(spark, table, model, only_new=False))):
        assert set(seen_in(version).values()) == {newer.ref}
        assert "known" not in version.entry.counts


def test_rows_in_quarantine_are_scored_and_counted_again(spark: SparkSession, model: Version) -> None:
    rows = drawn(6)
    rows[1]["pixels"] = rows[1]["pixels"][:63]
    before = predicted(spark, commit_table(model.lake, "refused", rows[:4], COLUMNS), model)
    version = predicted(spark, commit_table(model.lake, "refused", rows, COLUMNS), model, before)
    counts = version.entry.counts
    assert (counts["in"], counts["out"], counts["quarantined"], counts["known"]) == (6, 5, 1, 3)
    [refused] = rows_of(model.lake.table("quarantine", "refused-predictions").latest())
    assert refused["reason"] == "image has 63 values, expected 64 = 8×8×1"
    assert set(json.loads(refused["record"])) == {"name", "pixels"}


def test_an_empty_table_and_one_without_new_rows_have_predictions(spark: SparkSession, model: Version) -> None:
    nothing = predicted(spark, commit_table(model.lake, "empty", [], COLUMNS), model)
    some = predicted(spark, commit_table(model.lake, "empty", drawn(2), COLUMNS), model, nothing)
    again = predicted(spark, commit_table(model.lake, "empty", drawn(2), COLUMNS), model, some)
    assert [version.entry.counts["out"] for version in (nothing, some, again)] == [0, 2, 2]
    assert again.entry.counts["known"] == 2
    assert answers(some) == answers(again)


def test_a_table_with_the_name_of_the_digest_column_is_refused(spark: SparkSession, model: Version) -> None:
    table = commit_table(model.lake, "named", [{**drawn(1)[0], DIGEST: "x"}], f"{COLUMNS}, {DIGEST} string")
    with pytest.raises(DataError, match="'keep': column 'row_digest' would hide, or be hidden by, what predictions"):
        predicted(spark, table, model, keep=["name", DIGEST])


@pytest.mark.parametrize(("kind", "value", "changed"), [
    ("a string, b string", ("x", None), (None, "x")),
    ("a string, b string", (None, "null"), (None, None)),
    ("a array<int>", ([1, None],), ([None, 1],)),
    ("a array<int>", ([],), ([None],)),
    ("a double", (1.0,), (1.0000000000000002,)),
    ("a double", (float("nan"),), (None,)),
    ("a timestamp", (at(1),), (at(2),)),
    ("a timestamp_ntz", (at(1),), (at(2),)),
    ("a binary", (b"\x00",), (b"\x00\x00",)),
    ("a struct<x: int, y: int>", ((1, None),), ((None, 1),)),
])
def test_digests_differ_only_where_values_differ(
        spark: SparkSession, kind: str, value: tuple[Any, ...], changed: tuple[Any, ...]) -> None:
    frame = with_digest(frame := spark.createDataFrame([value, changed, value], kind), frame.columns)
    first, second, third = (row[DIGEST] for row in frame.coalesce(1).collect())
    assert first == third != second


def test_force_scores_all_rows(spark: SparkSession, tmp_path: Path) -> None:
    lake = Lake(tmp_path / "lake")
    tiny.commit_model(tiny.commit_tiny(lake))
    (tmp_path / "tiny.yaml").write_text(tiny.CONFIG.replace("predict: {table: new}",
                                                            "predict: {table: new, only_new: true}"))
    pipeline = Pipeline(tmp_path / "tiny.yaml", listener=Quiet(), spark=spark)
    for count in (2, 3):
        commit_table(lake, "new", drawn(count), COLUMNS)
        seen = pipeline.predict()
    assert seen_in(seen) == {"row 0": "clean/new@1", "row 1": "clean/new@1", "row 2": "clean/new@2"}
    assert set(seen_in(pipeline.predict(force=True)).values()) == {"clean/new@2"}
