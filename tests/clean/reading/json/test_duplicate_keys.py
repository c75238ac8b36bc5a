"""Duplicate keys are refused, and names that can't be distinguished."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from pyspark.sql import types as T

from laketrain.clean.reading.json.duplicate_keys import drop_duplicates, find_field_clash, has_duplicate_key
from laketrain.config.clean import CleanTable
from laketrain.config.sources import FileSource
from laketrain.errors import DataError

from ....tables import Cleaned, ingest_files, rows_of
from .cases import WAYS, by_id, read
from .test_line_scan import scan

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


TWICE = {
    '{"id":"1","v":"a","id":"2"}': "has the key 'id' twice",
    '{"id":"3","p":{"q":[{"x":1,"x":2}]}}': "has the key 'x' twice in 'p.q'",
    '{"id":"4","m":{"k":1,"k":2}}': "has the key 'k' twice in 'm'",
}


@pytest.mark.slow
@pytest.mark.parametrize(("multiline", "more"), WAYS)
def test_a_record_with_a_duplicate_key_is_refused_and_the_others_are_read(
        spark: SparkSession, tmp_path: Path, multiline: bool, more: str) -> None:
    fine = ['{"id":"5","ID":"6","v":"b"}', '{"id":"7","p":{"q":[{"x":1},{"x":2}]},"m":{"k":1}}']
    columns = {"id": "string", "v": "string", "p": "struct<q:array<struct<x:int>>>", "m": "map<string,int>"}
    table = read(spark, tmp_path, [*TWICE, *fine], multiline, more, columns)
    assert by_id(table, "v") == {"5": "b", "7": None}
    assert {row["record"]: row["reason"] for row in table.refused} == TWICE
    assert table.version.entry.counts["in"] == len(table.rows) + len(table.refused)


def inferred(spark: SparkSession, folder: Path, files: dict[str, str], **options: Any) -> Cleaned:
    from laketrain.clean import clean, fingerprint_clean

    source = FileSource.model_validate({"format": "json", "path": str(folder / "landing"), "schema": "infer",
                                        "options": options})
    raw = ingest_files(folder, files, source)
    table = CleanTable.model_validate({"max_reject_fraction": 1.0})
    version = clean(spark, raw, "table", table, source, fingerprint_clean(raw, table, source))
    return Cleaned(version, rows_of(version), rows_of(raw.lake.table("quarantine", "table").latest()))


@pytest.mark.slow
@pytest.mark.parametrize("multiline", [False, True])
def test_columns_are_inferred_from_the_records_without_duplicate_keys(
        spark: SparkSession, tmp_path: Path, multiline: bool) -> None:
    content = '{"id":1,"v":"a"}\n{"id":2,"v":"b","id":"x"}\n{"id":3,"p":{"x":1,"x":2}}\n{"id":4}\n'
    table = inferred(spark, tmp_path, {"a.json": content}, multiLine=multiline)
    assert sorted((row["id"], row["v"]) for row in table.rows) == [(1, "a"), (3, None), (4, None)]
    assert [row["reason"] for row in table.refused] == ["has the key 'id' twice"]


@pytest.mark.slow
def test_inferred_keys_that_differ_only_in_case_are_refused_with_the_file_s_name(
        spark: SparkSession, tmp_path: Path) -> None:
    with pytest.raises(DataError) as error:
        inferred(spark, tmp_path, {"a.json": '{"id":1}\n', "b.json": '{"id":2,"ID":3}\n'})
    assert "b.json" in str(error.value)
    assert "can't be distinguished" in str(error.value)


@pytest.mark.parametrize(("line", "duplicate"), [
    ('{"a":1,"b":{"a":2}}', False), ('{"a":1,"a":1}', True), ('{"a":1,"\\u0061":1}', True), ('{"a":1,"A":1}', False),
    ('{"b":[{"a":1,"a":2}]}', True), ('{"a":1,"a":1', False), ('{"a":NaN,"a":1}', True), ('{"a":{},"a":{}}', True),
])
def test_a_line_with_a_duplicate_key_is_detected_and_not_left_to_spark(line: str, duplicate: bool) -> None:
    assert has_duplicate_key(line) is duplicate
    assert scan(line.encode() + b"\n", a=T.LongType()).spark_safe is not duplicate
    assert scan(b'{"x":"different"}\n{"x":1}\n' + line.encode() + b"\n", a=T.LongType()).spark_safe is not duplicate


def test_the_first_of_inferred_columns_with_the_same_name_is_kept_at_any_depth() -> None:
    inner = T.StructType([T.StructField("x", T.LongType()), T.StructField("x", T.StringType())])
    schema = T.StructType([T.StructField("b", T.ArrayType(inner)), T.StructField("a", T.LongType()),
                           T.StructField("a", inner)])
    assert drop_duplicates(schema).simpleString() == "struct<b:array<struct<x:bigint>>,a:bigint>"
    assert find_field_clash(T.StructType([T.StructField("b", T.ArrayType(T.StructType(
        [T.StructField("x", T.LongType()), T.StructField("X", T.LongType())])))])) == ("x", "X")
    assert find_field_clash(drop_duplicates(schema)) is None
