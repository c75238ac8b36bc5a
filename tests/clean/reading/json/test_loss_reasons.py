"""Values that Spark would silently change are refused with a reason."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ....tables import clean_files
from .cases import WAYS, by_id, read

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


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
