"""The rule `unique` keeps one row for each key."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from .cases import Case, judge, judge_all

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def test_unique_keeps_the_first_row_by_file_and_content(spark: SparkSession):
    rows = [("k", "2"), ("k", "1"), ("k", "1"), ("other", "9")]
    result = judge(spark, [{"unique": {"key": ["x"]}}], rows, "x string, y string", ["b", "b", "a", "b"])
    assert [row["rule"] for row in result] == ["unique(x)", "unique(x)", None, None]
    assert result[0]["reason"] == "another row has x = k"


KEPT = {
    # keep, by: the y that is kept of the rows (at, y) = (1, a), (3, b), (3, c), (none, d)
    ("first", None): "a",
    ("last", None): "d",
    ("first", "at"): "a",
    ("last", "at"): "c",
    ("best", "at"): "b",
}


@pytest.mark.parametrize("order", [[0, 1, 2, 3], [3, 2, 1, 0], [1, 3, 2, 0]])
def test_unique_keeps_the_requested_row_in_any_order_of_the_rows(spark: SparkSession, order: list[int]):
    rows = [("k", 1, "a"), ("k", 3, "b"), ("k", 3, "c"), ("k", None, "d")]
    ordered, files = [rows[index] for index in order], [f"{rows[index][2]}.csv" for index in order]
    cases = [Case([{"unique": {"key": ["x"], "keep": keep, **({"by": by} if by else {})}}],
                  "x string, at int, y string", ordered, files) for keep, by in KEPT]
    result = judge_all(spark, cases)
    assert [[row["y"] for row in case if row["rule"] is None] for case in result] == [[kept] for kept in KEPT.values()]


def test_unique_by_two_columns_names_both_and_prefers_a_value_to_null(spark: SparkSession):
    rows = [("k", 1, None), ("k", 1, 5), ("k", 2, None), (None, 1, 1), (None, 1, 2)]
    result = judge(spark, [{"unique": {"key": ["x", "y"], "keep": "last", "by": "at"}}], rows,
                   "x string, y int, at int")
    assert [row["rule"] for row in result] == ["unique(x, y)", None, None, "unique(x, y)", None]
    assert [row["reason"] for row in result if row["rule"]] == [
        "another row has x, y = k, 1", "another row has x, y = null, 1"]


def test_a_rejected_row_does_not_displace_another(spark: SparkSession):
    rules = [{"range": {"column": "at", "max": 5}}, {"unique": {"key": ["x"], "keep": "last", "by": "at"}}]
    rows = judge(spark, rules, [("k", 9), ("k", 1)], "x string, at int")
    assert [row["rule"] for row in rows] == ["range(at)", None]
