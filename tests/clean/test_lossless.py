"""Text read as a type, compared with Python's decimals, dates and floats."""

from __future__ import annotations

import random
import re
import struct
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from laketrain.clean import lossless

from ..tables import clean_files
from .rules.cases import Case, judge_all

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def read_all(spark: SparkSession, texts: list[str], kind: str, **options: str) -> list[tuple[Any, str | None]]:
    """The value of each text, and the reason if it isn't exact."""
    import pyarrow as pa
    from pyspark.sql import functions as F
    from pyspark.sql import types as T

    from laketrain.spark.frames import SESSION_CONF, configured

    to = T.StructType.fromDDL(f"x {kind}")["x"].dataType  # type: ignore[index]
    frame = spark.createDataFrame(pa.table({"text": pa.array(texts, pa.string())}))
    value = lossless.parse(F.col("text"), to, options)
    why = lossless.loss(F.col("text"), value, to, options)
    with configured(spark, SESSION_CONF):
        rows = frame.select(value.alias("value"), (F.lit(None) if why is None else why).alias("why")).collect()
    return [(row["value"], row["why"]) for row in rows]


def decimals(dice: random.Random) -> str:
    """A number in the ways that people and programs write it."""
    whole, part = dice.randrange(10 ** dice.randrange(1, 7)), "".join(dice.choice("00123456789") for _ in range(
        dice.choice([0, 1, 2, 3, 12, 30])))
    text = dice.choice(["", "-", "+"]) + str(whole) + (f".{part}" if part else "")
    return text + dice.choice(["", "", "", "e0", "E2", "e-1", "e-40", "e+1"])


@pytest.mark.slow
def test_a_decimal_is_read_exactly_or_refused(spark: SparkSession) -> None:
    dice = random.Random(5)
    texts = [*(decimals(dice) for _ in range(400)), "1.005", "1.01", "1.0100", "1e-40", "0e-40", "99999999.99",
             "99999999.999", "100000000", "1,5", "1.5.", "", "x", "1" + "0" * 40 + "e-40"]
    for text, (value, why) in zip(texts, read_all(spark, texts, "decimal(10,2)"), strict=True):
        number = Decimal(text) if re.fullmatch(r"[+-]?\d+(\.\d+)?([eE][+-]?\d+)?", text) else None
        fits = number is not None and number == round(number, 2) and abs(number) < 10**8
        assert (value is not None and why is None) is fits or len(text) > 38, text
        assert not fits or value is None or value == number, text
        assert value is None or value == number or why == "more digits than decimal(10,2) holds", text


@pytest.mark.slow
def test_a_time_is_read_to_the_microsecond_or_refused(spark: SparkSession) -> None:
    noon = datetime(2026, 3, 9, 12, 0, 0, 123456, timezone.utc)
    below, dayless = "digits below a microsecond", "a time of day without its date"
    expected = {
        "2026-03-09T12:00:00.123456Z": None, " 2026-03-09 12:00:00.123456000": None,
        "2026-03-09T13:00:00.123456+01:00": None, "2026-03-09 12:00:00.1234567": below,
        "2026-03-09 12:00:00.123456000001Z": below, "12:00": dayless, "T12:00:00": dayless,
    }
    result = read_all(spark, list(expected), "timestamp")
    assert [why for _, why in result] == list(expected.values())
    assert {value.replace(tzinfo=timezone.utc) for value, why in result if why is None} == {noon}

    time = "a time of day, which a date doesn't hold"
    days = {"2026-03-09": None, " 2026-03-09 ": None, "2026-03-09T00:00:00Z": None, "2026-03-09 00:00:00.000": None,
            "2026-03-09 12:00": time, "2026-03-09T00:00:01": time, "2026-03-09 noon": time,
            "2026-03-09T00:00:00+02:00": time}
    result = read_all(spark, list(days), "date")
    assert [why for _, why in result] == list(days.values())
    assert {value for value, _ in result} == {date(2026, 3, 9)}


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "form"), [("double", "d"), ("float", "f")])
def test_a_float_is_the_nearest_number_and_infinite_only_if_the_text_is(
        spark: SparkSession, kind: str, form: str) -> None:
    texts = ["0.1", "16777217", "9007199254740993", "1e38", "-3.4e38", "1e39", "-1e308", "1e309", "9" * 400,
             "Infinity", "-Inf", "NaN", " 7 "]
    for text, (value, why) in zip(texts, read_all(spark, texts, kind), strict=True):
        try:
            nearest = struct.unpack(form, struct.pack(form, float(text)))[0]
            beyond = abs(nearest) == float("inf") and "nf" not in text
        except OverflowError:
            beyond = True
        assert why == (f"a number beyond {kind}" if beyond else None), text
        assert beyond or value == nearest or text == "NaN", text
    labels = ["1d", "2F ", "-1.5D", "1e5f", "0x1p3"]
    assert {why for _, why in read_all(spark, labels, kind)} == {"a letter that isn't part of a number"}


@pytest.mark.slow
def test_the_options_of_a_source_define_how_a_value_is_written(spark: SparkSession) -> None:
    assert read_all(spark, ["09.03.2026", "2026-03-09"], "date", dateFormat="dd.MM.yyyy") == [
        (date(2026, 3, 9), None), (None, None)]
    [(time, why), (cut, below)] = read_all(spark, ["9.3.2026 12:00", "9.3.2026 12:00:00.1234567"], "timestamp",
                                           timestampFormat="d.M.yyyy HH:mm[:ss.SSSSSSS]", timeZone="Europe/Berlin")
    assert (time.isoformat(), why, cut is not None) == ("2026-03-09T11:00:00", None, True)
    assert below == "digits below a microsecond"
    german = read_all(spark, ["1.234,5", "1.234,567", "1.234", "2.5", "0.234", "12345,6"], "decimal(10,2)", locale="de")
    assert german == [(Decimal("1234.50"), None), (Decimal("1234.57"), "more digits than decimal(10,2) holds"),
                      (Decimal("1234.00"), None), (None, None), (None, None), (Decimal("12345.60"), None)]
    french = read_all(spark, ["1\u202f234,5", "1 234,5", "1.5", "1,5"], "decimal(10,2)", locale="fr-FR")
    assert [value for value, _ in french] == [Decimal("1234.50"), Decimal("1234.50"), None, Decimal("1.50")]
    assert read_all(spark, ["inf!", "1e400"], "double", positiveInf="inf!") == [
        (float("inf"), None), (float("inf"), "a number beyond double")]


COLUMNS = {"id": "string", "price": "decimal(10,2)", "at": "timestamp", "day": "date", "x": "double"}
GOOD = '1,1.01,2026-03-09T12:00:00Z,2026-03-09,0.1'
LOST = {"2": ("1.005", "more digits than decimal(10,2) holds in 'price'"),
        "3": ("2026-03-09T12:00:00.1234567Z", "digits below a microsecond in 'at'"),
        "4": ("2026-03-09 12:00", "a time of day, which a date doesn't hold in 'day'"),
        "5": ("1e400", "a number beyond double in 'x'"),
        "6": ("1,5", "no decimal(10,2) in 'price'")}
TOO_LARGE = ("99999999.995", "1e9", "123456789")


def csv_row(number: str, value: str, why: str) -> str:
    cells = dict(zip(COLUMNS, GOOD.split(","), strict=True)) | {"id": number, why.rpartition("'")[0].rpartition("'")[2]:
                                                                f'"{value}"'}
    return ",".join(cells.values())


def json_row(number: str, value: str, why: str, bare: bool) -> str:
    name = why.rpartition("'")[0].rpartition("'")[2]
    cells = {"id": f'"{number}"', name: value if bare or name == "x" else f'"{value}"'}
    return "{" + ",".join(f'"{key}":{cell}' for key, cell in cells.items()) + "}"


@pytest.mark.slow
def test_csv_rows_that_their_types_cannot_hold_are_quarantined_unchanged(spark: SparkSession, tmp_path: Path) -> None:
    lines = [",".join(COLUMNS), GOOD, *(csv_row(number, *both) for number, both in LOST.items())]
    # The records of `b.csv` are split by laketrain, since one contains a line break.
    more = [line.replace("\n", "") for line in lines] + ['"9\n",1.01,,,']
    large = [lines[0], *(csv_row("7", value, LOST["2"][1]) for value in TOO_LARGE)]
    result = clean_files(spark, tmp_path, {"a.csv": "\n".join(lines) + "\n", "b.csv": "\n".join(more) + "\n",
                                           "large.csv": "\n".join(large)}, columns=COLUMNS)
    assert sorted((row["id"], str(row["price"])) for row in result.rows) == [
        ("1", "1.01"), ("1", "1.01"), ("9\n", "1.01")]
    for file in ("a.csv", "b.csv"):
        refused = {row["reason"]: row["record"] for row in result.refused if row["file"] == file}
        assert set(refused) == {f"has {why}" for _, why in LOST.values()}
        assert all(value in refused[f"has {why}"] for value, why in LOST.values())
    assert [row["reason"] for row in result.refused if row["file"] == "large.csv"] == [
        f"has {LOST['2'][1]}"] * len(TOO_LARGE)


@pytest.mark.slow
@pytest.mark.parametrize("multiline", [False, True])
def test_json_records_that_their_types_cannot_hold_are_quarantined_unchanged(
        spark: SparkSession, tmp_path: Path, multiline: bool) -> None:
    texts = [json_row(number, *both, bare=number == "2") for number, both in LOST.items()]
    fine = '{"id":"1","price":1.01,"at":"2026-03-09T12:00:00.123456Z","day":"2026-03-09","x":1e308}'
    files = {"a.json": "\n".join([fine, *texts]), "fine.json": fine, "list.json": f"[{fine},{texts[0]}]\n"}
    result = clean_files(spark, tmp_path, files, columns=COLUMNS, form="json", options={"multiLine": multiline})
    assert [(row["id"], str(row["price"]), str(row["day"]), row["x"]) for row in result.rows] == [
        ("1", "1.01", "2026-03-09", 1e308)] * 3
    refused = {row["record"]: row["reason"] for row in result.refused if row["file"] == "a.json"}
    assert refused == {text: f"has {why}" for text, (_, why) in zip(texts, LOST.values(), strict=True)}
    [element] = [row["reason"] for row in result.refused if row["file"] == "list.json"]
    assert element.endswith("has more digits than decimal(10,2) holds in 'price'")


@pytest.mark.slow
def test_nested_values_are_read_exactly_or_refused_with_their_path(spark: SparkSession, tmp_path: Path) -> None:
    columns = {"id": "string", "pay": "struct<sums:array<decimal(4,1)>>", "by": "map<string,float>"}
    result = clean_files(spark, tmp_path, {"a.json": "\n".join([
        '{"id":"1","pay":{"sums":[1.5,null,2.0]},"by":{"a":0.1}}',
        '{"id":"2","pay":{"sums":[1.5,2.25]}}', '{"id":"3","by":{"a":0.1,"b":1e39}}', '{"id":"4","pay":null}'])},
        columns=columns, form="json")
    assert sorted(row["id"] for row in result.rows) == ["1", "4"]
    assert sorted(row["reason"] for row in result.refused) == [
        "has a number beyond float in 'by'", "has more digits than decimal(4,1) holds in 'pay.sums'"]


def test_cast_refuses_values_that_it_would_change(spark: SparkSession) -> None:
    cases = [  # type before, type after, values, why they are refused
        ("string", "decimal(10,2)", ["1.01", "1.005", "x"], [None, "more digits than decimal(10,2) holds",
                                                             "expected decimal(10,2)"]),
        ("double", "int", [5.0, 5.5], [None, "expected int"]),
        ("double", "decimal(10,2)", [1.1, 1.005], [None, "expected decimal(10,2)"]),
        ("bigint", "double", [2**53, 2**53 + 1], [None, "more digits than double holds"]),
        ("double", "float", [0.1, 1e300, float("inf")], [None, "a number beyond float", None]),
        ("string", "timestamp", ["2026-03-09T12:00:00.1234567Z", "12:30"], [
            "digits below a microsecond", "a time of day without its date"]),
        ("string", "date", ["2026-03-09 12:30"], ["a time of day, which a date doesn't hold"]),
        ("string", "timestamp_ntz", ["2026-03-09T12:30:00", "2026-03-09T12:30:00Z", "2026-03-09 12:30:00.5 +02:00",
                                     "2026-03-09T12:30:00 Europe/Berlin", "2026-03-09"], [
            None, *["a zone, which timestamp_ntz doesn't hold"] * 3, None]),
        # Rounded up, it has one digit more than the type allows.
        ("decimal(10,2)", "decimal(10,1)", [Decimal("99999999.90"), Decimal("99999999.99")], [
            None, "expected decimal(10,1)"]),
        ("decimal(10,2)", "decimal(9,0)", [Decimal("7.00"), Decimal("99999999.94")], [None, "expected decimal(9,0)"]),
        ("double", "boolean", [0.0, 1.0, -0.5, float("nan")], [None, None, *["expected boolean"] * 2]),
        ("int", "boolean", [0, 1, 5], [None, None, "expected boolean"]),
        ("bigint", "timestamp", [1700000000, 2**53 + 1, 2**63 - 1], [None, *["expected timestamp"] * 2]),
        ("timestamp", "bigint", [datetime(2026, 3, 9, tzinfo=timezone.utc),
                                 datetime(2026, 3, 9, 0, 0, 0, 1, tzinfo=timezone.utc)], [None, "expected bigint"]),
        ("interval second", "bigint", [timedelta(seconds=2), timedelta(seconds=1.5)], [None, "expected bigint"]),
        ("interval second", "decimal(20,2)", [timedelta(seconds=1.25), timedelta(microseconds=1)], [
            None, "expected decimal(20,2)"]),
        ("interval day to second", "bigint", [timedelta(seconds=2), timedelta(milliseconds=1)], [
            None, "expected bigint"]),
        ("array<string>", "array<int>", [["1", "2"], ["1", "x"]], [None, "expected int"]),
        ("array<double>", "array<int>", [[1.0], [1.5]], [None, "expected int"]),
    ]
    result = judge_all(spark, [Case([{"cast": {"column": "x", "to": to}}], f"x {kind}", [(value,) for value in values])
                               for kind, to, values, _ in cases])
    for (kind, to, _, whys), rows in zip(cases, result, strict=True):
        for row, why in zip(rows, whys, strict=True):
            assert (row["reason"] or "").endswith(f", {why}") if why else row["reason"] is None, (kind, to, row)



def test_cast_with_separators_and_parse_change_no_value(spark: SparkSession) -> None:
    [money, numbers] = judge_all(spark, [
        Case([{"cast": {"column": "x", "to": "decimal(10,2)", "decimal": ",", "thousands": "."}}], "x string",
             [("1.234,50",), ("1.234,505",)]),
        Case([{"parse": {"column": "x", "as": "array<double>"}}], "x string", [("1 inf",), ("1 1e400",)])])
    assert [row["reason"] for row in money] == [
        None, "received 1.234,505, more digits than decimal(10,2) holds"]
    assert [row["reason"] for row in numbers] == [None, "an element is a number beyond double"]
