"""What each rule keeps, changes and rejects, as tables: a rule, values of the column `x`, and their results."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from datetime import date, datetime, timezone
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pytest

from laketrain.errors import DataError

from .cases import RULE, Case, judge, judge_all

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

NAN, INF = math.nan, math.inf


GOOD: dict[str, tuple[dict[str, Any], str, Sequence[Any], Sequence[Any]]] = {
    # rule, type of x, values, results
    "trim": ({"trim": {"columns": ["x"]}}, "string",
             ["  a ", "a\t\n b", "A b", "", None, " x "], ["a", "a b", "A b", "", None, "x"]),
    "trim lower": ({"trim": {"columns": ["x"], "lower": True}}, "string", [" Scanner  A", "ÄÖ"], ["scanner a", "äö"]),
    "replace": ({"replace": {"column": "x", "values": {"a": "A", "b": ""}}}, "string",
                ["a", "b", "aa", "A", None], ["A", "", "aa", "A", None]),
    "replace numbers": ({"replace": {"column": "x", "values": {"7": "9"}}}, "int", [7, 8, None], [9, 8, None]),
    "cast to int": ({"cast": {"column": "x", "to": "int"}}, "string",
                    ["7", " 7 ", "-0", "+3", "2147483647", None], [7, 7, 0, 3, 2147483647, None]),
    "cast to double": ({"cast": {"column": "x", "to": "double"}}, "string",
                       ["1.5", "1e3", "-.5", "Infinity"], [1.5, 1000.0, -0.5, "Infinity"]),
    "cast to boolean": ({"cast": {"column": "x", "to": "boolean"}}, "string",
                        ["true", "False", "1", "no"], [True, False, True, False]),
    "cast to string": ({"cast": {"column": "x", "to": "string"}}, "double", [1.0, None], ["1.0", None]),
    "parse": ({"parse": {"column": "x", "as": "array<int>"}}, "string",
              ["1 2 3", "  4\t 5 ", "7", None], [[1, 2, 3], [4, 5], [7], None]),
    "parse doubles by a bar": ({"parse": {"column": "x", "as": "array<double>", "separator": "|"}}, "string",
                               ["1|2.5", "1e1|-3"], [[1.0, 2.5], [10.0, -3.0]]),
    "parse by a dot": ({"parse": {"column": "x", "as": "array<int>", "separator": "."}}, "string", ["1.2"], [[1, 2]]),
    "not_null": ({"not_null": {"columns": ["x"]}}, "string", ["a", "0", "null"], ["a", "0", "null"]),
    "not_null of numbers": ({"not_null": {"columns": ["x"]}}, "int", [0, -1], [0, -1]),
    "length of text": ({"length": {"column": "x", "min": 1, "max": 2}}, "string", ["a", "äb", None], ["a", "äb", None]),
    "length of arrays": ({"length": {"column": "x", "equals": 2}}, "array<int>",
                         [[1, 2], [None, 2], None], [[1, 2], [None, 2], None]),
    "range": ({"range": {"column": "x", "min": 0, "max": 9}}, "int", [0, 9, 4, None], [0, 9, 4, None]),
    "range from below": ({"range": {"column": "x", "min": -1.5}}, "double", [-1.5, INF], [-1.5, "Infinity"]),
    "range of arrays": ({"range": {"column": "x", "min": 0, "max": 255}}, "array<int>",
                        [[0, 255], [], [None, 3], None], [[0, 255], [], [None, 3], None]),
    "range of text": ({"range": {"column": "x", "min": 0, "max": 9}}, "string", ["3", "3.5"], ["3", "3.5"]),
    "allowed": ({"allowed": {"column": "x", "values": ["a", "b"]}}, "string", ["a", "b", None], ["a", "b", None]),
    "allowed numbers": ({"allowed": {"column": "x", "values": [1, 2]}}, "int", [1, 2, None], [1, 2, None]),
    "check": ({"check": {"sql": "x > 0 AND x % 2 = 1"}}, "int", [1, 3], [1, 3]),
    "not_null of doubles": ({"not_null": {"columns": ["x"]}}, "double", [0.0, -INF], [0.0, "-Infinity"]),
    "range of dates": ({"range": {"column": "x", "min": "2026-01-02", "max": "2026-12-31"}}, "date",
                       [date(2026, 1, 2), date(2026, 12, 31), None], ["2026-01-02", "2026-12-31", None]),
    "range to the end of a day": ({"range": {"column": "x", "max": "2026-12-31"}}, "string",
                                  ["2026-12-31T23:59:59Z", "1999-01-01"], ["2026-12-31T23:59:59Z", "1999-01-01"]),
    "range to the end of a day without dashes": (
        {"range": {"column": "x", "min": "20260101", "max": "20261231"}}, "string",
        ["2026-12-31T23:59:59Z", "2026-01-01"], ["2026-12-31T23:59:59Z", "2026-01-01"]),
    "length of binaries": ({"length": {"column": "x", "max": 3}}, "binary", [b"\xff\x00a"], ["/wBh"]),
    "regex": ({"regex": {"column": "x", "pattern": "[A-Z]{1,3}-[0-9]+|none"}}, "string",
              ["B-1", "none", None], ["B-1", "none", None]),
    "regex of numbers": ({"regex": {"column": "x", "pattern": "[0-9]{4}"}}, "int", [2026], [2026]),
    "cast to date by a format": (
        {"cast": {"column": "x", "to": "date", "format": "d.M.yyyy"}}, "string",
        ["9.3.2026", " 31.12.1999 ", None], ["2026-03-09", "1999-12-31", None]),
    "cast to timestamp by a format": (
        {"cast": {"column": "x", "to": "timestamp", "format": "dd/MM/yyyy HH:mm"}}, "string",
        ["09/03/2026 08:05"], ["2026-03-09T08:05:00.000Z"]),
    "cast by a format with its zone": (
        {"cast": {"column": "x", "to": "timestamp", "format": "yyyy-MM-dd HH:mm XXX"}}, "string",
        ["2026-03-09 08:05 +01:00"], ["2026-03-09T07:05:00.000Z"]),
    "cast of decimals": (
        {"cast": {"column": "x", "to": "decimal(10,2)", "decimal": ",", "thousands": "."}}, "string",
        ["1.234,56", "1234,5", "-7", "+1.234.567,00", " 0,1 ", None],
        [1234.56, 1234.5, -7.0, 1234567.0, 0.1, None]),
    "cast of decimals with spaces": (
        {"cast": {"column": "x", "to": "double", "decimal": ",", "thousands": " "}}, "string",
        ["1 234,5", "1\u00a0234,5", "1\u202f234"], [1234.5, 1234.5, 1234.0]),
    "cast of whole numbers": ({"cast": {"column": "x", "to": "int", "thousands": ","}}, "string",
                              ["1,234", "999"], [1234, 999]),
    "derive in place": ({"derive": {"column": "x", "sql": "(x - 32) / 1.8", "type": "int"}}, "double",
                        [212.0, 32.0, None], [100, 0, None]),
    "text": ({"text": {"columns": ["x"]}}, "string", ["<b>a</b> &amp; b", None, " \u3000 "], ["a & b", None, ""]),
    "mask": ({"mask": {"columns": ["x"], "keep": 2}}, "string", ["12345", "12", "", None], ["***45", "**", "", None]),
    "mask of all": ({"mask": {"columns": ["x"]}}, "int", [12345, None], ["*****", None]),
}


@pytest.fixture(scope="module")
def judged(spark: SparkSession) -> dict[str, list[dict[str, Any]]]:
    """The results for the values of both tables."""
    tables = {f"{title}/{name}": Case([case[0]], f"x {case[1]}", [(value,) for value in case[2]])
              for title, table in (("good", GOOD), ("bad", BAD)) for name, case in table.items()}
    return dict(zip(tables, judge_all(spark, list(tables.values())), strict=True))


@pytest.mark.parametrize("name", GOOD)
def test_good_values_pass(judged: dict[str, list[dict[str, Any]]], name: str):
    result = judged[f"good/{name}"]
    assert [row["x"] for row in result] == GOOD[name][3]
    assert {row["rule"] for row in result} == {None}


BAD: dict[str, tuple[dict[str, Any], str, Sequence[Any], str, Sequence[str]]] = {
    # rule, type of x, values, the rule's name, the reasons
    "not_null": ({"not_null": {"columns": ["x"]}}, "string", [None, "", "  "], "not_null(x)", ["has no value"] * 3),
    "not_null of numbers": ({"not_null": {"columns": ["x"]}}, "int", [None], "not_null(x)", ["has no value"]),
    "cast to int": (
        {"cast": {"column": "x", "to": "int"}}, "string", ["seven", "3.7", "2147483648", "", "NaN", "0x1f"], "cast(x)",
        [f"received {value}, expected int" for value in ("seven", "3.7", "2147483648", "", "NaN", "0x1f")]),
    "cast to timestamp": (
        {"cast": {"column": "x", "to": "timestamp"}}, "string", ["2026-02-30T10:00:00Z", "14 March"], "cast(x)",
        ["received 2026-02-30T10:00:00Z, expected timestamp", "received 14 March, expected timestamp"]),
    "cast of labels to double": (
        {"cast": {"column": "x", "to": "double"}}, "string", ["1d", "2F"], "cast(x)",
        [f"received {value}, a letter that isn't part of a number" for value in ("1d", "2F")]),
    "cast of a long text": (
        {"cast": {"column": "x", "to": "int"}}, "string", ["y" * 500], "cast(x)",
        [f"received {'y' * 60}, expected int"]),
    "parse": (
        {"parse": {"column": "x", "as": "array<int>"}}, "string", ["1 x 3", "1,2", "NaN", "1.5", "1 256e9"], "parse(x)",
        [f"element '{value}' isn't of type int" for value in ("x", "1,2", "NaN", "1.5", "256e9")]),
    "parse of labels": ({"parse": {"column": "x", "as": "array<double>"}}, "string", ["1 2D 3d"], "parse(x)",
                        ["element '2D' has a letter that isn't part of a number"]),
    "parse of nothing": ({"parse": {"column": "x", "as": "array<int>"}}, "string", ["", "  "], "parse(x)",
                         ["element '' isn't of type int"] * 2),
    "parse with a gap": ({"parse": {"column": "x", "as": "array<double>", "separator": ","}}, "string", ["1,,2", "1,"],
                         "parse(x)", ["element '' isn't of type double"] * 2),
    "length": ({"length": {"column": "x", "equals": 3}}, "array<int>", [[1, 2], [1, 2, 3, 4], []], "length(x)",
               [f"has length {size}, expected = 3" for size in (2, 4, 0)]),
    "length of text": ({"length": {"column": "x", "min": 2, "max": 3}}, "string", ["a", "abcd"], "length(x)",
                       [f"has length {size}, expected ≥ 2 and ≤ 3" for size in (1, 4)]),
    "range": ({"range": {"column": "x", "min": 0, "max": 9}}, "int", [-1, 10], "range(x)",
              ["received -1, expected 0 to 9", "received 10, expected 0 to 9"]),
    "range and NaN": ({"range": {"column": "x", "max": 1}}, "double", [NAN, 1.5, INF], "range(x)",
                      [f"received {value}, expected at most 1" for value in ("NaN", "1.5", "Infinity")]),
    "range of arrays": ({"range": {"column": "x", "min": 0, "max": 255}}, "array<int>", [[3, 256, -1], [0, -1]],
                        "range(x)", ["an element is 256, expected 0 to 255", "an element is -1, expected 0 to 255"]),
    "range of arrays and NaN": ({"range": {"column": "x", "min": 0}}, "array<double>", [[1.0, NAN]], "range(x)",
                                ["an element is NaN, expected at least 0"]),
    "allowed": ({"allowed": {"column": "x", "values": ["a", "b"]}}, "string", ["A", "", "c"], "allowed(x)",
                [f"received {value}, expected one of a, b" for value in ("A", "", "c")]),
    "allowed of many": ({"allowed": {"column": "x", "values": list(range(10))}}, "int", [10], "allowed(x)",
                        ["received 10, expected one of 0, 1, 2, 3, 4, 5, 6, 7, …"]),
    "not_null of doubles": ({"not_null": {"columns": ["x"]}}, "double", [NAN], "not_null(x)", ["has no value"]),
    "range of dates": (
        {"range": {"column": "x", "min": "2026-01-02", "max": "2026-12-31"}}, "date",
        [date(2026, 1, 1), date(2027, 1, 1)], "range(x)",
        [f"received {day}, expected 2026-01-02 to 2026-12-31" for day in ("2026-01-01", "2027-01-01")]),
    "range of dates without dashes": (
        {"range": {"column": "x", "min": "20260102", "max": "20261231T120000+0000"}}, "timestamp",
        [datetime(2026, 1, 1, 23, 59, 59, tzinfo=timezone.utc), datetime(2026, 12, 31, 12, 0, 1, tzinfo=timezone.utc)],
        "range(x)",
        [f"received {time}, expected 2026-01-02 to 2026-12-31T12:00:00+00:00"
         for time in ("2026-01-01 23:59:59", "2026-12-31 12:00:01")]),
    "range of times in text": (
        {"range": {"column": "x", "max": "2026-12-31T12:00:00"}}, "string", ["2026-12-31T12:00:01Z", "someday"],
        "range(x)", [f"received {time}, expected at most 2026-12-31T12:00:00"
                     for time in ("2026-12-31T12:00:01Z", "someday")]),
    "regex": ({"regex": {"column": "x", "pattern": "[A-Z]+|none"}}, "string", ["Ab", "AB ", "AB\n", "nonemore", ""],
              "regex(x)", [f"received {text}, expected the form [A-Z]+|none"
                           for text in ("Ab", "AB ", "AB\n", "nonemore", "")]),
    "cast to date by a format": (
        {"cast": {"column": "x", "to": "date", "format": "dd.MM.yyyy"}}, "string",
        ["2026-03-09", "30.02.2026", "9.3.26", ""], "cast(x)",
        [f"received {text}, expected date as dd.MM.yyyy" for text in ("2026-03-09", "30.02.2026", "9.3.26", "")]),
    "cast to a time that clocks jumped over": (
        {"cast": {"column": "x", "to": "timestamp", "zone": "Europe/Berlin"}}, "string", ["2026-03-29T02:30:00"],
        "cast(x)", ["received 2026-03-29T02:30:00, a time that clocks in Europe/Berlin jumped over"]),
    "cast of decimals": (
        {"cast": {"column": "x", "to": "double", "decimal": ",", "thousands": "."}}, "string",
        ["1.5", "1.2345", "12.34,5", "1,2,3", "1,234.5", "1e3", ",5", "", "NaN"], "cast(x)",
        [f"received {text}, expected double"
         for text in ("1.5", "1.2345", "12.34,5", "1,2,3", "1,234.5", "1e3", ",5", "", "NaN")]),
    "cast of whole numbers": ({"cast": {"column": "x", "to": "int", "thousands": ","}}, "string",
                              ["1,2345", "1.0", "9,999,999,999"], "cast(x)",
                              [f"received {text}, expected int" for text in ("1,2345", "1.0", "9,999,999,999")]),
    "derive of no value of the type": (
        {"derive": {"column": "y", "sql": "split(x, ':')[1]", "type": "int"}}, "string", ["a:b"], "derive(y)",
        ["received b, expected int"]),
    "check": ({"check": {"sql": "x > 0"}}, "int", [0, None], "check(x > 0)", ["is not true"] * 2),
    "check that can't be computed": ({"check": {"sql": "1 / x > 0 AND cast(x AS tinyint) > 0"}}, "int", [0],
                                     "check(1 / x > 0 AND cast(x AS tinyint) > 0)", ["is not true"]),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_values_are_rejected_with_the_reason(judged: dict[str, list[dict[str, Any]]], name: str):
    result = judged[f"bad/{name}"]
    assert [row["reason"] for row in result] == BAD[name][4]
    assert {row["rule"] for row in result} == {BAD[name][3]}


def test_times_without_a_zone_are_read_in_utc(spark: SparkSession):
    spark.conf.set("spark.sql.session.timeZone", "America/New_York")
    try:
        texts = [("2026-03-09T08:00:00",), ("2026-03-09T08:00:00Z",), ("2026-03-09T09:00:00+01:00",)]
        rules = [{"cast": {"column": "x", "to": "timestamp"}}, {"check": {"sql": "unix_seconds(x) = 1773043200"}}]
        rows = judge(spark, rules, texts, "x string")
    finally:
        spark.conf.set("spark.sql.session.timeZone", "UTC")
    assert [row["rule"] for row in rows] == [None, None, None]


def test_a_row_is_rejected_once_by_the_first_rule_that_it_breaks(spark: SparkSession):
    rules = [{"not_null": {"columns": ["y"]}}, {"cast": {"column": "x", "to": "int"}},
             {"range": {"column": "x", "min": 0}}, {"allowed": {"column": "y", "values": ["a"]}}]
    rows = [("1", "a"), ("x", None), ("x", "b"), ("-1", "b"), ("1", "b")]
    result = judge(spark, rules, rows, "x string, y string")
    assert [row["rule"] for row in result] == [None, "not_null(y)", "cast(x)", "range(x)", "allowed(y)"]


ZONED = ["2026-07-01T12:00:00", "2026-01-01T12:00:00.5", "2026-10-25T02:30:00", "1999-12-31T23:59:59"]


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York", "Asia/Kolkata", "+05:30"])
def test_times_without_a_zone_are_read_in_the_zone_of_the_rule(spark: SparkSession, zone: str):
    rows = judge(spark, [{"cast": {"column": "x", "to": "timestamp", "zone": zone}}], [(text,) for text in ZONED],
                 "x string")
    zone_info = ZoneInfo("Asia/Kolkata" if zone == "+05:30" else zone)
    assert [datetime.fromisoformat(row["x"]) for row in rows] == [
        datetime.fromisoformat(text).replace(tzinfo=zone_info).astimezone(timezone.utc) for text in ZONED]


def test_a_zone_in_the_text_overrides_the_zone_of_the_rule(spark: SparkSession):
    texts = ["2026-07-01T12:00:00Z", "2026-07-01 12:00:00+00:00", "2026-07-01T08:00:00 America/New_York",
             "2026-07-01T14:00:00"]
    rows = judge(spark, [{"cast": {"column": "x", "to": "timestamp", "zone": "Europe/Berlin"}}],
                 [(text,) for text in texts], "x string")
    expected = ["2026-07-01T12:00:00.000Z", "2026-07-01T12:00:00.000Z", "2026-07-01T12:00:00.000Z"]
    assert [row["x"] for row in rows] == [*expected, "2026-07-01T12:00:00.000Z"]


def test_times_with_a_format_are_read_in_the_zone_of_the_rule(spark: SparkSession):
    rule = {"cast": {"column": "x", "to": "timestamp", "zone": "Asia/Tokyo", "format": "yyyyMMdd HHmm"}}
    [row] = judge(spark, [rule], [("20260701 0900",)], "x string")
    assert row["x"] == "2026-07-01T00:00:00.000Z"


def test_a_zone_cannot_change_an_instant(spark: SparkSession):
    rule = {"cast": {"column": "x", "to": "timestamp", "zone": "Asia/Tokyo"}}
    with pytest.raises(DataError, match="is timestamp already, which no zone can change"):
        judge(spark, [rule], [(datetime(2026, 1, 1, tzinfo=timezone.utc),)], "x timestamp")


def test_derive_appends_a_column_that_later_rules_can_use(spark: SparkSession):
    rules = [{"derive": {"column": "ratio", "sql": "a / b", "type": "double"}},
             {"range": {"column": "ratio", "max": 2}}]
    rows = judge(spark, rules, [(1, 2), (6, 2), (1, 0)], "a int, b int")
    assert list(rows[0]) == ["a", "b", "ratio", "rule", "reason"]
    assert [row["ratio"] for row in rows] == [0.5, 3.0, None]
    assert [row["rule"] for row in rows] == [None, "range(ratio)", None]


@pytest.mark.parametrize(("rule", "message"), [
    ({"not_null": {"columns": ["xx"]}}, "rule not_null: there is no column 'xx'"),
    ({"outliers": {"columns": ["y"]}}, "outliers needs numbers, column 'y' is string here"),
])
def test_a_rule_that_does_not_fit_the_columns_is_reported(spark: SparkSession, rule: dict[str, Any], message: str):
    with pytest.raises(DataError, match=message):
        judge(spark, [rule], [(1, "a")], "x int, y string")


def test_columns_may_have_names_that_sql_must_quote(spark: SparkSession):
    name = "a.b c`d%s"
    rules: list[dict[str, Any]] = [
        {"trim": {"columns": [name]}}, {"not_null": {"columns": [name]}},
        {"replace": {"column": name, "values": {"8": "9"}}},
        {"length": {"column": name, "max": 1}}, {"allowed": {"column": name, "values": ["7", "9"]}},
        {"cast": {"column": name, "to": "int"}}, {"range": {"column": name, "min": 0}},
        {"unique": {"key": [name], "keep": "last", "by": name}}]
    quoted = "`" + name.replace("`", "``") + "`"
    rows = judge(spark, rules, [(" 7",), ("7",), ("8",), ("",)], f"{quoted} string")
    assert [row[name] for row in rows if row["rule"] is None] == [7, 9]
    assert sorted(row["reason"] for row in rows if row["rule"]) == ["another row has a.b c`d%s = 7", "has no value"]


def test_the_record_is_kept_unchanged(spark: SparkSession):
    from laketrain.clean.reading import FILE, RECORD, REJECT
    from laketrain.clean.rules import RuleContext, apply

    frame = spark.createDataFrame([("a", '{"x": " 7 "}', " 7 ", None)], f"{FILE} string, {RECORD} string, x string, "
                                  f"{REJECT} struct<rule:string,reason:string>")
    rules = [{"trim": {"columns": ["x"]}}, {"cast": {"column": "x", "to": "int"}}]
    [row] = apply([RULE.validate_python(rule) for rule in rules], frame, RuleContext()).collect()
    assert (row["x"], json.loads(row[RECORD])) == (7, {"x": " 7 "})
