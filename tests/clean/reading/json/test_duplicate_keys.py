"""JSON values whose meaning Spark silently changes, compared with Python's `json` and `decimal`."""

from __future__ import annotations

import json
import random
from datetime import datetime, timezone
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from pyspark.sql import types as T

from laketrain.clean.reading.json.duplicate_keys import drop_duplicates, find_clash, has_duplicate_key
from laketrain.config.clean import CleanTable
from laketrain.config.sources import Source
from laketrain.errors import DataError

from ....tables import Cleaned, clean_files, ingest_files, rows_of
from .test_line_scan import scan

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

ODD = '[{"id":"odd"}]\n'
"""A line that makes the whole file be parsed line by line."""
WAYS = [(False, ""), (False, ODD), (True, "")]
"""`multiLine`, and what else is in the file: Spark's reader, lines one by one, or whole files."""


def read(spark: SparkSession, folder: Path, lines: list[str], multiline: bool, more: str, columns: dict[str, str],
         **options: Any) -> Cleaned:
    return clean_files(spark, folder, {"a.json": "\n".join(lines) + "\n" + more}, columns=columns, form="json",
                       options={"multiLine": multiline, **options})


def by_id(table: Cleaned, column: str) -> dict[str, Any]:
    return {row["id"]: row[column] for row in table.rows if row["id"] != "odd"}


def literals(dice: random.Random) -> list[str]:
    """Numbers as programs write them, mostly in another form than Java's."""
    numbers = ["1.10", "12345678901234567.89", "1E5", "1e400", "-1.50e-3", "100.0", "0.1", "0.0001", "1e-7",
               "12345678.5", "-0", "-0.0", "0.30000000000000004", "123456789012345678901234567890", "7", "-12.50"]
    for _ in range(200):
        whole, part = str(dice.randrange(10 ** dice.randrange(1, 12))), str(dice.randrange(10 ** dice.randrange(1, 9)))
        numbers.append(dice.choice(["", "-"]) + f"{whole}.{part}" + dice.choice(["", "", "0", "e2", "E-3", "e+10"]))
    return numbers


@pytest.mark.slow
@pytest.mark.parametrize(("multiline", "more"), WAYS)
def test_a_number_in_a_string_column_keeps_its_digits(
        spark: SparkSession, tmp_path: Path, multiline: bool, more: str) -> None:
    numbers = literals(random.Random(11))
    texts = ['a \\"b\\": 1.10, [2.50]', "it's 1.10", "\\\\", "\\u00e9 // 1e5"]
    finite = [number if abs(float(number)) < 1e300 else "1" for number in numbers]
    lines = [f'{{"id":"{index}", "v": {number}, "t":"{texts[index % 4]}","x":{finite[index]}}}'
             for index, number in enumerate(numbers)]
    columns = {"id": "string", "v": "string", "t": "string", "x": "double"}
    table = read(spark, tmp_path, lines, multiline, more, columns)
    assert by_id(table, "v") == {str(index): number for index, number in enumerate(numbers)}
    rows = {row["id"]: row for row in map(json.loads, lines)}
    assert by_id(table, "t") == {name: row["t"] for name, row in rows.items()}
    assert by_id(table, "x") == {name: float(row["x"]) for name, row in rows.items()}


@pytest.mark.slow
def test_spark_s_reader_keeps_the_digits_of_numbers(spark: SparkSession, tmp_path: Path) -> None:
    numbers = literals(random.Random(12))
    lines = [f'{{"id":"{index}","v":{number}}}' for index, number in enumerate(numbers)]
    assert scan("\n".join(lines).encode(), id=T.StringType(), v=T.StringType()).spark_safe
    table = read(spark, tmp_path, lines, False, "", {"id": "string", "v": "string"})
    assert by_id(table, "v") == {str(index): number for index, number in enumerate(numbers)}


@pytest.mark.slow
@pytest.mark.parametrize(("multiline", "more"), WAYS)
def test_numbers_within_values_that_are_read_as_strings_keep_their_digits(
        spark: SparkSession, tmp_path: Path, multiline: bool, more: str) -> None:
    columns = {"id": "string", "v": "string", "l": "array<string>", "m": "map<string,struct<t:string,n:double>>"}
    lines = ['{"id":"1","v":{"a":[1.10,{"b":"2.50"}],"c":1e400},"l":[1.10,null,"1.50"],"m":{"k":{"t":1.10,"n":1.10}}}',
             '{"id":"2","v":[12345678901234567.89],"l":null,"m":{"k":null}}', '{"id":"3","v":null,"l":[0.10]}']
    table = read(spark, tmp_path, lines, multiline, more, columns)
    whole = {name: json.loads(text, parse_float=Decimal) if text else None for name, text in by_id(table, "v").items()}
    assert whole == {"1": {"a": [Decimal("1.10"), {"b": "2.50"}], "c": Decimal("1e400")},
                     "2": [Decimal("12345678901234567.89")], "3": None}
    assert by_id(table, "l") == {"1": ["1.10", None, "1.50"], "2": None, "3": ["0.10"]}
    assert by_id(table, "m") == {"1": [("k", {"t": "1.10", "n": 1.1})], "2": [("k", None)], "3": None}


@pytest.mark.slow
def test_a_text_that_contains_the_mark_is_refused_if_it_would_be_ambiguous(spark: SparkSession, tmp_path: Path) -> None:
    lines = ['{"id":"1","v":"\ufdd0x","n":1.5}', '{"id":"2","v":"\\uFDD0x","n":1.50}', '{"id":"3","v":"x","n":1.50}']
    table = read(spark, tmp_path, lines, True, "", {"id": "string", "v": "string", "n": "double"})
    assert by_id(table, "v") == {"1": "\ufdd0x", "3": "x"}
    [row] = table.refused
    assert row["reason"] == "contains a number whose digits can't be kept; put it in quotes"


@pytest.mark.slow
@pytest.mark.parametrize(("multiline", "more"), WAYS)
def test_a_number_is_not_a_time_and_the_reason_describes_how_to_convert_it(
        spark: SparkSession, tmp_path: Path, multiline: bool, more: str) -> None:
    numbers = ["1700000000000", "9223372036855", "1700000000", "0", "-1", "2026"]
    lines = [*(f'{{"id":"{index}","at":{number}}}' for index, number in enumerate(numbers)),
             '{"id":"a","at":"2026-11-30T12:00:00Z","n":1700000000000}', '{"id":"b","at":"2026"}',
             '{"id":"c","all":["2026-11-30",5]}', '{"id":"d","all":["2026-11-30"]}', '{"id":"e","local":5}']
    columns = {"id": "string", "at": "timestamp", "n": "bigint", "all": "array<timestamp>", "local": "timestamp_ntz"}
    table = read(spark, tmp_path, lines, multiline, more, columns)
    assert {name: value and value.timestamp() for name, value in by_id(table, "at").items()} == {
        "a": datetime(2026, 11, 30, 12, tzinfo=timezone.utc).timestamp(),
        "b": datetime(2026, 1, 1, tzinfo=timezone.utc).timestamp(), "d": None}
    refused = {json.loads(row["record"])["id"]: row["reason"] for row in table.refused}
    reason = "has a number for a time (declare it bigint and derive the time, e.g. by timestamp_millis) in "
    assert {name: text for name, text in refused.items() if name != "e"} == {
        **{str(index): f"{reason}'at'" for index in range(len(numbers))}, "c": f"{reason}'all'"}
    assert refused["e"].startswith("isn't a json record of") and refused["e"].endswith(": no timestamp_ntz in 'local'")


@pytest.mark.slow
def test_derive_converts_a_number_to_a_time(spark: SparkSession, tmp_path: Path) -> None:
    table = clean_files(spark, tmp_path, {"a.json": '{"at":1700000000123}\n'}, columns={"at": "bigint"}, form="json",
                        rules=[{"derive": {"column": "when", "sql": "timestamp_millis(at)", "type": "timestamp"}}])
    [row] = table.rows
    assert row["when"].timestamp() == 1700000000.123


@pytest.mark.slow
@pytest.mark.parametrize(("multiline", "more"), WAYS)
def test_a_locale_does_not_change_the_value_of_a_decimal(
        spark: SparkSession, tmp_path: Path, multiline: bool, more: str) -> None:
    lines = [f'{{"id":"{index}","x":{text}}}' for index, text in enumerate(
        ['"2.5"', "2.5", '"25"', '"2,5"', '"1.234,5"', '"1.234"'])]
    columns = {"id": "string", "x": "decimal(12,3)"}
    alone = read(spark, tmp_path, lines, multiline, more, columns, locale="de-DE")
    with_dates = read(spark, tmp_path, lines, multiline, more, columns, locale="de-DE", dateFormat="d. MMMM yyyy")
    numbers = {"0": Decimal("2.5"), "1": Decimal("2.5"), "2": Decimal("25"), "5": Decimal("1.234")}
    assert by_id(alone, "x") == numbers
    assert by_id(with_dates, "x") == {name: numbers[name] for name in ("1", "2")}
    assert {row["reason"] for row in with_dates.refused} == {"has no decimal(12,3) in 'x'"}


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

    source = Source.model_validate({"format": "json", "path": str(folder / "landing"), "schema": "infer",
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
    assert find_clash(T.StructType([T.StructField("b", T.ArrayType(T.StructType(
        [T.StructField("x", T.LongType()), T.StructField("X", T.LongType())])))])) == ("x", "X")
    assert find_clash(drop_duplicates(schema)) is None
