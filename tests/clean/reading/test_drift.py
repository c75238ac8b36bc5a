"""Files whose columns differ from those that are expected, and schemas that are inferred once and then held."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from laketrain.config.clean import CleanTable
from laketrain.config.sources import FileSource
from laketrain.errors import DataError
from laketrain.lake import Lake, Version

from ...tables import land_files, rows_of

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def parquet(**columns: Any) -> bytes:
    content = io.BytesIO()
    pq.write_table(pa.table(columns), content)
    return content.getvalue()


def cleaned(spark: SparkSession, folder: Path, files: Mapping[str, str | bytes], schema: Any, form: str = "parquet",
            **settings: Any) -> Version:
    """Lands `files` in addition to earlier ones, ingests and cleans them, without rules."""
    from laketrain.clean import clean, fingerprint_clean
    from laketrain.ingest import ingest, plan_ingest

    options = {"header": True} if form == "csv" else {}
    source = FileSource.model_validate({"format": form, "path": str(land_files(folder / "landing", files)),
                                        "schema": schema, "options": options, **settings})
    lake = Lake(folder / "lake")
    plan, key = plan_ingest("table", source, lake.table("raw", "table").latest())
    raw = ingest(lake, "table", plan, key)
    table = CleanTable()
    return clean(spark, raw, "table", table, source, fingerprint_clean(raw, table, source))


def columns_of(version: Version, *columns: str) -> list[tuple[Any, ...]]:
    return sorted((tuple(row[column] for column in columns) for row in rows_of(version)), key=str)


def types(version: Version) -> dict[str, str]:
    from pyspark.sql.types import StructType

    schema = StructType.fromJson(json.loads(version.entry.table_schema or ""))
    return {field.name: field.dataType.simpleString() for field in schema}


FORMS = {
    "parquet": ({"a": parquet(id=["1"], x=["a"])}, {"b": parquet(id=["2"], x=["b"], colour=["red"])},
                {"b": parquet(id=["2"])}),
    "csv": ({"a.csv": "id,x\n1,a\n"}, {"b.csv": "colour,id,x\nred,2,b\n"}, {"b.csv": "id\n2\n"}),
}
DECLARED = {"id": "string", "x": "string"}


@pytest.mark.parametrize("form", FORMS)
def test_a_new_column_is_ignored_kept_or_fatal(spark: SparkSession, tmp_path: Path, form: str):
    first, more, _ = FORMS[form]
    ignored = cleaned(spark, tmp_path, {**first, **more}, DECLARED, form)
    assert (columns_of(ignored, "id", "x"), list(types(ignored))) == ([("1", "a"), ("2", "b")], ["id", "x"])
    assert ignored.entry.meta["drift"] == {"new": {"colour": 1}}
    kept = cleaned(spark, tmp_path, {}, DECLARED, form, drift={"new": "keep"})
    assert columns_of(kept, "id", "x", "colour") == [("1", "a", None), ("2", "b", "red")]
    with pytest.raises(DataError, match="has the column 'colour' \\(string\\), expected id, x") as caught:
        cleaned(spark, tmp_path, {}, DECLARED, form, drift={"new": "fail"})
    assert caught.value.subject == f"raw/table@3/{next(iter(more))}"


@pytest.mark.parametrize("form", FORMS)
def test_a_missing_column_is_fatal_or_null(spark: SparkSession, tmp_path: Path, form: str):
    first, _, less = FORMS[form]
    with pytest.raises(DataError, match="has no column 'x', but id") as caught:
        cleaned(spark, tmp_path, {**first, **less}, DECLARED, form)
    assert caught.value.subject == f"raw/table@1/{next(iter(less))}"
    filled = cleaned(spark, tmp_path, {}, DECLARED, form, drift={"missing": "nulls"})
    assert columns_of(filled, "id", "x") == [("1", "a"), ("2", None)]
    assert filled.entry.meta["drift"] == {"missing": {"x": 1}}


def test_a_csv_file_without_any_expected_column_has_rows_of_nulls(spark: SparkSession, tmp_path: Path):
    version = cleaned(spark, tmp_path, {"a.csv": "p,q\n1,2\n3,4\n", "b.csv": "id,x\n5,6\n"},
                      {"id": "int", "x": "double"}, "csv", drift={"missing": "nulls"})
    assert columns_of(version, "id", "x") == [(5, 6.0), (None, None), (None, None)]


def test_a_retyped_column_is_fatal_or_becomes_text(spark: SparkSession, tmp_path: Path):
    files = {"a": parquet(id=["1"], x=pa.array([7], pa.int32())), "b": parquet(id=["2"], x=["seven"]),
             "c": parquet(id=["3"], x=[1.5])}
    with pytest.raises(DataError, match="column 'x' is string, expected int"):
        cleaned(spark, tmp_path, files, {"id": "string", "x": "int"})
    text = cleaned(spark, tmp_path, files, {"id": "string", "x": "int"}, drift={"retyped": "string"})
    assert columns_of(text, "id", "x") == [("1", "7"), ("2", "seven"), ("3", "1.5")]
    assert types(text)["x"] == "string"


def test_a_retyped_nested_column_becomes_json(spark: SparkSession, tmp_path: Path):
    files = {"a": parquet(id=["1"], x=[["a, b", "c"]]), "b": parquet(id=["2"], x=[["a", "b, c"]]),
             "c": parquet(id=["3"], x=pa.array([{"p": 1}], pa.struct({"p": pa.int64(), "q": pa.string()})))}
    text = cleaned(spark, tmp_path, files, {"id": "string", "x": "array<string>"}, drift={"retyped": "string"})
    assert {row: json.loads(value) for row, value in columns_of(text, "id", "x")} == {
        "1": ["a, b", "c"], "2": ["a", "b, c"], "3": {"p": 1, "q": None}}


REQUIRED = pa.struct([pa.field("x", pa.int32(), nullable=False)])
NESTED = {
    "struct<x:int>": (REQUIRED, {"x": 1}, {"x": None}),
    "array<int>": (pa.list_(pa.field("element", pa.int32(), nullable=False)), [1, 2], [None]),
    "array<struct<x:int>>": (pa.list_(pa.field("element", REQUIRED, nullable=False)), [{"x": 1}], [None, {"x": None}]),
    "map<string,struct<x:int>>": (pa.map_(pa.string(), pa.field("value", REQUIRED, nullable=False)),
                                  [("k", {"x": 1})], [("k", None)]),
    "struct<a:struct<x:int>>": (pa.struct([pa.field("a", REQUIRED, nullable=False)]), {"a": {"x": 1}}, {"a": None}),
}


@pytest.mark.parametrize("declared", [True, False], ids=["declared", "inferred"])
@pytest.mark.parametrize("kind", NESTED)
def test_a_required_nested_value_has_the_type_of_an_optional_one(
        spark: SparkSession, tmp_path: Path, kind: str, declared: bool):
    from pyspark.sql.types import StructType

    from laketrain.spark.arrow_types import arrow_type

    required, single, none = NESTED[kind]
    free = arrow_type(StructType.fromDDL(f"n {kind}")["n"].dataType)
    files = {"1": parquet(id=["a"], n=pa.array([single], required)), "2": parquet(id=["b"], n=pa.array([none], free))}
    version = cleaned(spark, tmp_path, files, {"id": "string", "n": kind} if declared else "infer")
    assert columns_of(version, "id", "n") == [("a", single), ("b", none)]
    assert types(version) == {"id": "string", "n": kind}


def test_json_without_a_declared_key_is_reported_with_the_nearest_key(spark: SparkSession, tmp_path: Path):
    files = {"a.json": '{"id": "1", "lable": 3}\n', "b.json": '{"id": "2", "lable": 4, "colour": "red"}\n'}
    with pytest.raises(DataError, match="has no column 'label', but") as caught:
        cleaned(spark, tmp_path, files, {"id": "string", "label": "int"}, "json")
    assert "Did you mean 'lable'?" in caught.value.hint
    with pytest.raises(DataError, match="has the column 'colour'") as caught:
        cleaned(spark, tmp_path, files, {"id": "string", "lable": "int"}, "json", drift={"new": "fail"})
    assert caught.value.subject == "raw/table@2/b.json"
    kept = cleaned(spark, tmp_path, files, {"id": "string", "lable": "int"}, "json", drift={"new": "keep"})
    assert columns_of(kept, "id", "lable", "colour") == [("1", 3, None), ("2", 4, "red")]


@pytest.mark.parametrize(("form", "first", "second", "expected"), [
    ("parquet", parquet(id=["1"], n=[1]), parquet(id=["2"], n=[2]), {"id": "string", "n": "bigint"}),
    ("csv", "id,n\na,1\n", "n,id\n2,b\n", {"id": "string", "n": "int"}),
    ("json", '{"id": "a", "n": 1}', '{"id": "b", "n": 2}', {"id": "string", "n": "bigint"}),
])
def test_an_inferred_schema_is_pinned_and_later_files_are_held_to_it(
    spark: SparkSession, tmp_path: Path, form: str, first: Any, second: Any, expected: dict[str, str]
):
    before = cleaned(spark, tmp_path, {"1": first}, "infer", form)
    after = cleaned(spark, tmp_path, {"2": second}, "infer", form)
    assert types(before) == types(after) == expected
    assert after.entry.meta["pinned"] == before.entry.meta["pinned"]
    assert len(rows_of(after)) == 2
    # Without a pinned schema, a missing column would not be inferred.
    other = {"parquet": parquet(id=["3"]), "csv": "id\nc\n", "json": '{"id": "c"}'}[form]
    (tmp_path / "landing" / "1").unlink()
    (tmp_path / "landing" / "2").unlink()
    with pytest.raises(DataError, match="has no column 'n', but id"):
        cleaned(spark, tmp_path, {"3": other}, "infer", form)


def test_a_value_of_another_type_than_the_pinned_makes_its_csv_line_unreadable(spark: SparkSession, tmp_path: Path):
    cleaned(spark, tmp_path, {"1.csv": "id,n\na,1\n"}, "infer", "csv")
    with pytest.raises(DataError, match="1 of 2 rows were rejected"):
        cleaned(spark, tmp_path, {"2.csv": "id,n\nb,two\n"}, "infer", "csv")
    [refused] = rows_of(Lake(tmp_path / "lake").table("quarantine", "table").latest())
    assert (refused["reason"], refused["record"]) == ("isn't a csv record of id string, n int: no int in 'n'", "b,two")


def test_a_source_that_grows_is_cleaned_whole_and_only_new_files_are_ingested(spark: SparkSession, tmp_path: Path):
    first = cleaned(spark, tmp_path, {"1.csv": "id,x\na,1\n"}, DECLARED, "csv", incremental=True)
    (tmp_path / "landing" / "1.csv").unlink()
    second = cleaned(spark, tmp_path, {"2.csv": "id,x\nb,2\n"}, DECLARED, "csv", incremental=True)
    assert columns_of(first, "id", "x") == [("a", "1")]
    assert columns_of(second, "id", "x") == [("a", "1"), ("b", "2")]
    raw = Lake(tmp_path / "lake").table("raw", "table").latest()
    assert raw is not None and [file.path for file in raw.entry.files] == ["2.csv"]


@pytest.mark.parametrize(("form", "schema"), [("csv", DECLARED), ("images", None)])
def test_an_empty_source_is_an_empty_table(spark: SparkSession, tmp_path: Path, form: str, schema: Any):
    version = cleaned(spark, tmp_path, {}, schema, form, empty="ok")
    assert version.entry.counts["in"] == version.rows == 0
    assert list(types(version)) == (list(schema) if schema else ["path", "folder", "content", "bytes"])


def test_an_empty_source_has_no_schema_to_infer(spark: SparkSession, tmp_path: Path):
    with pytest.raises(DataError, match="can't be inferred, as there is no file yet"):
        cleaned(spark, tmp_path, {}, "infer", "csv", empty="ok")
