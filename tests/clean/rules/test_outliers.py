"""Outliers, by bounds that equal those of NumPy and SciPy."""

from __future__ import annotations

import math
import random
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from laketrain.clean.rules.context import RuleContext

from .cases import Case, judge, judge_all

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

RANDOM = np.random.default_rng(7)
VALUES = [float(value) for value in np.round(RANDOM.normal(50, 4, 60), 3)] + [95.5, -20.25, 71.0]


def bounds_by_hand(values: list[float], method: str) -> tuple[float, float]:
    array = np.array(values)
    if method == "iqr":
        first, third = np.quantile(array, [0.25, 0.75])
        return first - 1.5 * (third - first), third + 1.5 * (third - first)
    if method == "robust_z":
        middle = np.median(array)
        reach = 3.5 * 1.4826 * np.median(np.abs(array - middle))
        return middle - reach, middle + reach
    return array.mean() - 3 * array.std(), array.mean() + 3 * array.std()


def expected(values: list[float], method: str, action: str) -> list[Any]:
    low, high = bounds_by_hand(values, method)
    change = {"reject": lambda value: "gone", "null": lambda value: None,
              "clip": lambda value: pytest.approx(min(max(value, low), high), rel=1e-12)}[action]
    return [value if low <= value <= high else change(value) for value in values]


METHODS = ("iqr", "robust_z", "z")


@pytest.mark.parametrize("action", ["reject", "clip", "null"])
def test_a_value_outside_the_bounds_is_an_outlier(spark: SparkSession, action: str):
    cases = [Case([{"outliers": {"columns": ["x"], "method": method, "action": action}}], "x double",
                  [(value,) for value in VALUES]) for method in METHODS]
    for method, result in zip(METHODS, judge_all(spark, cases), strict=True):
        assert [row["x"] if row["rule"] is None else "gone" for row in result] == expected(VALUES, method, action)
        assert {row["rule"] for row in result} <= {None, "outliers(x)"}


@pytest.mark.parametrize("method", METHODS)
def test_each_group_has_bounds_of_its_own_and_null_is_a_group(spark: SparkSession, method: str):
    groups = {"a": VALUES, "b": [value * 1000 for value in VALUES[:40]] + [90_000.0], None: [1.0, 2.0, 3.0, 2.0, 99.0]}
    rows = [(group, value) for group, values in groups.items() for value in values]
    random.Random(3).shuffle(rows)
    context = RuleContext()
    rule = {"outliers": {"columns": ["x"], "by": ["g"], "method": method, "action": "null"}}
    judged = judge(spark, [rule], rows, "g string, x double", context=context)
    for group, values in groups.items():
        kept = sorted(row["x"] for row in judged if row["g"] == group and row["x"] is not None)
        assert kept == sorted(value for value in expected(values, method, "null") if value is not None)
    [fitted] = context.fitted
    assert (fitted["rule"], fitted["method"], fitted["by"], fitted["groups"]) == ("outliers(x)", method, ["g"], 3)
    for entry in fitted["values"]:
        bounds = bounds_by_hand(groups[entry["group"]["g"]], method)
        assert (entry["low"], entry["high"]) == pytest.approx(bounds, rel=1e-12)


def test_the_reason_has_the_bounds(spark: SparkSession):
    rows = [(1,), (2,), (3,), (4,), (50,)]
    judged = judge(spark, [{"outliers": {"columns": ["x"]}}], rows, "x int")
    assert judged[-1]["reason"] == "received 50, expected -1.0 to 7.0 (iqr)"


def test_bounds_are_fitted_on_rows_that_are_still_good(spark: SparkSession):
    rules = [{"range": {"column": "x", "max": 1000}}, {"outliers": {"columns": ["x"]}}]
    values = [1.0, 2.0, 3.0, 4.0, 50.0] + [5000.0] * 5
    rows = judge(spark, rules, [(value,) for value in values], "x double")
    assert [row["rule"] for row in rows] == [None] * 4 + ["outliers(x)"] + ["range(x)"] * 5


def test_a_column_of_mostly_equal_values_has_no_outliers(spark: SparkSession):
    cases = [Case([{"outliers": {"columns": ["x"], "method": method}}], "x double", [(5.0,)] * 9 + more)
             for method, more in (("iqr", [(6.0,)]), ("robust_z", [(6.0,)]), ("z", []))]
    assert {row["rule"] for result in judge_all(spark, cases) for row in result} == {None}


def test_a_null_is_not_an_outlier_and_infinity_is(spark: SparkSession):
    rows = [(1.0,), (2.0,), (3.0,), (None,), (math.nan,), (math.inf,), (-math.inf,)]
    context = RuleContext()
    judged = judge(spark, [{"outliers": {"columns": ["x"]}}], rows, "x double", context=context)
    assert [row["rule"] is None for row in judged] == [True] * 5 + [False] * 2
    assert context.fitted[0]["values"] == [{"center": 2.0, "spread": 1.0, "low": 0.0, "high": 4.0}]


def test_whole_numbers_are_clipped_to_whole_numbers_within_the_bounds(spark: SparkSession):
    rows = [(1,), (2,), (2,), (3,), (4,), (50,), (-50,)]
    judged = judge(spark, [{"outliers": {"columns": ["x"], "action": "clip"}}], rows, "x bigint")
    low, high = bounds_by_hand([value for [value] in rows], "iqr")
    assert (judged[5]["x"], judged[6]["x"]) == (math.floor(high), math.ceil(low))


def test_columns_are_judged_by_the_same_rows(spark: SparkSession):
    rows = [(1.0, 1.0), (2.0, 2.0), (3.0, 3.0), (4.0, 90.0), (90.0, 4.0)]
    judged = judge(spark, [{"outliers": {"columns": ["x", "y"]}}], rows, "x double, y double")
    assert [row["rule"] for row in judged] == [None, None, None, "outliers(y)", "outliers(x)"]


def test_an_empty_table_has_no_outliers(spark: SparkSession):
    assert judge(spark, [{"outliers": {"columns": ["x"], "method": "z"}}], [], "x double") == []
