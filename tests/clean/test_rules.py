"""What each rule keeps, changes and rejects, as tables: a rule, values of the column `x`, and what becomes of them."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from pydantic import TypeAdapter

from laketrain.config.clean import Rule

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

RULE: TypeAdapter[Any] = TypeAdapter(Rule)
NAN, INF = math.nan, math.inf


@dataclass(frozen=True)
class Case:
    """Rules, and rows of the columns of `schema`, all in one file unless `files` names one a row."""

    rules: Sequence[Mapping[str, Any]]
    schema: str
    rows: Sequence[tuple[Any, ...]]
    files: Sequence[str] | None = None

    def frame(self, spark: SparkSession, number: int) -> DataFrame:
        """case, row, values as JSON, rule, reason; the last two null where the row is good."""
        from pyspark.sql import functions as F
        from pyspark.sql import types as T
        from pyspark.sql.pandas.types import to_arrow_schema

        from laketrain.clean.reading import FILE, RECORD, REJECT
        from laketrain.clean.rules import apply
        from laketrain.spark.frames import quoted, record

        files = self.files or ["a.csv"] * len(self.rows)
        schema = T.StructType.fromDDL(f"_row int, {FILE} string, {self.schema}")
        given = [dict(zip(schema.names, (row, file, *values), strict=True))
                 for row, (file, values) in enumerate(zip(files, self.rows, strict=True))]
        # Of an Arrow table Spark makes a local relation: no task is run for it.
        frame = spark.createDataFrame(pa.Table.from_pylist(given, schema=to_arrow_schema(schema)), schema)
        columns = schema.names[2:]
        frame = frame.withColumn(RECORD, record(columns))
        frame = frame.withColumn(REJECT, F.lit(None).cast("struct<rule:string,reason:string>"))
        for rule in self.rules:
            frame = apply(RULE.validate_python(rule), frame)
        values = F.to_json(F.struct(*(F.col(quoted(name)) for name in columns)), {"ignoreNullFields": "false"})
        return frame.select(F.lit(number), "_row", values.alias("_values"), f"{REJECT}.rule", f"{REJECT}.reason")


def judge_all(spark: SparkSession, cases: Sequence[Case]) -> list[list[dict[str, Any]]]:
    """Of each case its rows after the rules, in their order, each with `rule` and `reason`. One query for them all."""
    from laketrain.spark.frames import ALIKE, configured

    with configured(spark, ALIKE):
        found = reduce(lambda one, other: one.union(other),
                       [case.frame(spark, number) for number, case in enumerate(cases)]).collect()
    judged: list[list[dict[str, Any]]] = [[] for _ in cases]
    for number, _, values, rule, reason in sorted(found, key=lambda row: (row[0], row[1])):
        judged[number].append(json.loads(values) | {"rule": rule, "reason": reason})
    return judged


def judge(
    spark: SparkSession, rules: Sequence[Mapping[str, Any]], rows: Sequence[tuple[Any, ...]], schema: str,
    files: Sequence[str] | None = None,
) -> list[dict[str, Any]]:
    [found] = judge_all(spark, [Case(rules, schema, rows, files)])
    return found


GOOD: dict[str, tuple[dict[str, Any], str, Sequence[Any], Sequence[Any]]] = {
    # rule, type of x, values, what they become
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
}


@pytest.fixture(scope="module")
def judged(spark: SparkSession) -> dict[str, list[dict[str, Any]]]:
    """What becomes of the values of both tables."""
    tables = {f"{title}/{name}": Case([case[0]], f"x {case[1]}", [(value,) for value in case[2]])
              for title, table in (("good", GOOD), ("bad", BAD)) for name, case in table.items()}
    return dict(zip(tables, judge_all(spark, list(tables.values())), strict=True))


@pytest.mark.parametrize("name", GOOD)
def test_good_values_pass(judged: dict[str, list[dict[str, Any]]], name: str):
    found = judged[f"good/{name}"]
    assert [row["x"] for row in found] == GOOD[name][3]
    assert {row["rule"] for row in found} == {None}


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
    "cast of a long text": (
        {"cast": {"column": "x", "to": "int"}}, "string", ["y" * 500], "cast(x)",
        [f"received {'y' * 60}, expected int"]),
    "parse": (
        {"parse": {"column": "x", "as": "array<int>"}}, "string", ["1 x 3", "1,2", "NaN", "1.5", "1 256e9"], "parse(x)",
        [f"element '{value}' is no int" for value in ("x", "1,2", "NaN", "1.5", "256e9")]),
    "parse of nothing": ({"parse": {"column": "x", "as": "array<int>"}}, "string", ["", "  "], "parse(x)",
                         ["element '' is no int"] * 2),
    "parse with a gap": ({"parse": {"column": "x", "as": "array<double>", "separator": ","}}, "string", ["1,,2", "1,"],
                         "parse(x)", ["element '' is no double"] * 2),
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
    "check": ({"check": {"sql": "x > 0"}}, "int", [0, None], "check(x > 0)", ["is not true"] * 2),
    "check that can't be computed": ({"check": {"sql": "1 / x > 0 AND cast(x AS tinyint) > 0"}}, "int", [0],
                                     "check(1 / x > 0 AND cast(x AS tinyint) > 0)", ["is not true"]),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_values_are_rejected_with_the_reason(judged: dict[str, list[dict[str, Any]]], name: str):
    found = judged[f"bad/{name}"]
    assert [row["reason"] for row in found] == BAD[name][4]
    assert {row["rule"] for row in found} == {BAD[name][3]}


def test_times_are_read_in_utc_where_they_name_no_zone(spark: SparkSession):
    spark.conf.set("spark.sql.session.timeZone", "America/New_York")
    try:
        texts = [("2026-03-09T08:00:00",), ("2026-03-09T08:00:00Z",), ("2026-03-09T09:00:00+01:00",)]
        rules = [{"cast": {"column": "x", "to": "timestamp"}}, {"check": {"sql": "unix_seconds(x) = 1773043200"}}]
        found = judge(spark, rules, texts, "x string")
    finally:
        spark.conf.set("spark.sql.session.timeZone", "UTC")
    assert [row["rule"] for row in found] == [None, None, None]


def test_a_row_is_rejected_once_by_the_first_rule_that_it_breaks(spark: SparkSession):
    rules = [{"not_null": {"columns": ["y"]}}, {"cast": {"column": "x", "to": "int"}},
             {"range": {"column": "x", "min": 0}}, {"allowed": {"column": "y", "values": ["a"]}}]
    rows = [("1", "a"), ("x", None), ("x", "b"), ("-1", "b"), ("1", "b")]
    found = judge(spark, rules, rows, "x string, y string")
    assert [row["rule"] for row in found] == [None, "not_null(y)", "cast(x)", "range(x)", "allowed(y)"]


def test_unique_keeps_the_first_by_file_and_content_wherever_it_lies(spark: SparkSession):
    rows = [("k", "2"), ("k", "1"), ("k", "1"), ("other", "9")]
    found = judge(spark, [{"unique": {"key": ["x"]}}], rows, "x string, y string", ["b", "b", "a", "b"])
    assert [row["rule"] for row in found] == ["unique(x)", "unique(x)", None, None]
    assert found[0]["reason"] == "another row has x = k"


@pytest.mark.parametrize("order", [[0, 1, 2], [2, 1, 0], [1, 2, 0]])
def test_unique_keeps_the_latest_in_any_order_and_the_same_one_of_equals(spark: SparkSession, order: list[int]):
    rows = [("k", 1, "a"), ("k", 3, "b"), ("k", 3, "c")]
    found = judge(spark, [{"unique": {"key": ["x"], "latest_by": "at"}}], [rows[index] for index in order],
                  "x string, at int, y string")
    assert [row["y"] for row in found if row["rule"] is None] == ["b"]


def test_unique_by_two_columns_tells_both_and_prefers_a_value_to_none(spark: SparkSession):
    rows = [("k", 1, None), ("k", 1, 5), ("k", 2, None), (None, 1, 1), (None, 1, 2)]
    found = judge(spark, [{"unique": {"key": ["x", "y"], "latest_by": "at"}}], rows, "x string, y int, at int")
    assert [row["rule"] for row in found] == ["unique(x, y)", None, None, "unique(x, y)", None]
    assert [row["reason"] for row in found if row["rule"]] == [
        "another row has x, y = k, 1", "another row has x, y = null, 1"]


def test_a_row_that_is_rejected_already_takes_no_others_place(spark: SparkSession):
    rules = [{"range": {"column": "at", "max": 5}}, {"unique": {"key": ["x"], "latest_by": "at"}}]
    found = judge(spark, rules, [("k", 9), ("k", 1)], "x string, at int")
    assert [row["rule"] for row in found] == ["range(at)", None]


def test_columns_may_have_names_that_sql_would_read_otherwise(spark: SparkSession):
    name = "a.b c`d%s"
    rules: list[dict[str, Any]] = [
        {"trim": {"columns": [name]}}, {"not_null": {"columns": [name]}},
        {"replace": {"column": name, "values": {"8": "9"}}},
        {"length": {"column": name, "max": 1}}, {"allowed": {"column": name, "values": ["7", "9"]}},
        {"cast": {"column": name, "to": "int"}}, {"range": {"column": name, "min": 0}},
        {"unique": {"key": [name], "latest_by": name}}]
    quoted = "`" + name.replace("`", "``") + "`"
    found = judge(spark, rules, [(" 7",), ("7",), ("8",), ("",)], f"{quoted} string")
    assert [row[name] for row in found if row["rule"] is None] == [7, 9]
    assert sorted(row["reason"] for row in found if row["rule"]) == ["another row has a.b c`d%s = 7", "has no value"]


def test_the_record_is_kept_as_it_came(spark: SparkSession):
    from laketrain.clean.reading import FILE, RECORD, REJECT
    from laketrain.clean.rules import apply

    frame = spark.createDataFrame([("a", '{"x": " 7 "}', " 7 ", None)], f"{FILE} string, {RECORD} string, x string, "
                                  f"{REJECT} struct<rule:string,reason:string>")
    for rule in ({"trim": {"columns": ["x"]}}, {"cast": {"column": "x", "to": "int"}}):
        frame = apply(RULE.validate_python(rule), frame)
    [row] = frame.collect()
    assert (row["x"], json.loads(row[RECORD])) == (7, {"x": " 7 "})
