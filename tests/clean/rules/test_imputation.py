"""Cells without a value are filled with the value that pandas computes, and counted."""

from __future__ import annotations

import math
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

from laketrain.clean.rules.context import RuleContext
from laketrain.errors import DataError

from ...tables import clean_files
from .cases import judge

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

ROWS = [("a", 1.0), ("a", None), ("b", 10.0), ("a", 2.5), ("b", math.nan), ("b", 30.0), (None, None), ("c", None),
        ("a", 2.5), (None, 7.0), ("b", 10.0)]
FRAME = pd.DataFrame(ROWS, columns=["g", "x"])
OF = {"mean": "mean", "median": "median", "mode": lambda values: min(values.mode(), default=np.nan)}


@pytest.mark.parametrize("method", OF)
def test_cells_are_filled_with_the_columns_value(spark: SparkSession, method: str):
    context = RuleContext()
    rows = judge(spark, [{"impute": {"columns": ["x"], "method": method}}], ROWS, "g string, x double",
                 context=context)
    value = FRAME["x"].agg(OF[method])
    assert [row["x"] for row in rows] == pytest.approx(FRAME["x"].fillna(value).tolist(), rel=1e-15)
    assert context.imputed == {"impute(x)": 4}
    assert context.fitted == [{"rule": "impute(x)", "method": method,
                               "values": [{"value": pytest.approx(value, rel=1e-15)}]}]


@pytest.mark.filterwarnings("ignore:Mean of empty slice:RuntimeWarning")
@pytest.mark.parametrize("method", OF)
def test_cells_are_filled_with_the_value_of_their_group(spark: SparkSession, method: str):
    context = RuleContext()
    rows = judge(spark, [{"impute": {"columns": ["x"], "method": method, "by": ["g"]}}], ROWS, "g string, x double",
                 context=context)
    by_group = {group: FRAME[[key == group for key, _ in ROWS]]["x"].agg(OF[method])
                for group in ("a", "b", "c", None)}
    filled = [by_group[group] if value is None or math.isnan(value) else value for group, value in ROWS]
    assert [None if row["x"] is None else row["x"] for row in rows] == [
        None if math.isnan(value) else pytest.approx(value, rel=1e-15) for value in filled]
    assert context.imputed == {"impute(x)": 3}
    assert [entry["group"] for entry in context.fitted[0]["values"]] == [
        {"g": None}, {"g": "a"}, {"g": "b"}, {"g": "c"}]


def test_a_second_rule_fills_what_groups_leave(spark: SparkSession):
    context = RuleContext()
    rules = [{"impute": {"columns": ["x"], "method": "median", "by": ["g"]}},
             {"impute": {"columns": ["x"], "method": "constant", "value": -1}}]
    rows = judge(spark, rules, ROWS, "g string, x double", context=context)
    assert [row["x"] for row in rows if row["g"] == "c"] == [-1.0]
    assert context.imputed == {"impute(x)": 4}


CONSTANTS: dict[str, tuple[str, Any, list[Any], list[Any]]] = {
    # type, constant, values, results
    "text": ("string", "none", ["a", "", None, "  "], ["a", "none", "none", "none"]),
    "int": ("int", 0, [1, None], [1, 0]),
    "boolean": ("boolean", False, [True, None], [True, False]),
    "date": ("date", "2026-01-01", [date(2020, 1, 1), None], ["2020-01-01", "2026-01-01"]),
    "double": ("double", 0.5, [math.nan, None, 2.0], [0.5, 0.5, 2.0]),
}


@pytest.mark.parametrize("name", CONSTANTS)
def test_cells_are_filled_with_a_constant_of_the_columns_type(spark: SparkSession, name: str):
    kind, value, values, filled = CONSTANTS[name]
    context = RuleContext()
    rows = judge(spark, [{"impute": {"columns": ["x"], "method": "constant", "value": value}}],
                 [(cell,) for cell in values], f"x {kind}", context=context)
    assert [row["x"] for row in rows] == filled
    assert context.imputed["impute(x)"] == sum(before != after for before, after in zip(
        map(str, values), map(str, filled), strict=True))
    assert context.fitted == []


def test_a_constant_of_another_type_is_refused(spark: SparkSession):
    with pytest.raises(DataError, match=r"impute\(x\): received the value 'soon', expected date"):
        judge(spark, [{"impute": {"columns": ["x"], "method": "constant", "value": "soon"}}], [(None,)], "x date")


def test_integer_columns_are_filled_with_integers_rounded_half_to_even(spark: SparkSession):
    rows = [(1, 2), (2, 3), (None, None)]
    judged = judge(spark, [{"impute": {"columns": ["x", "y"], "method": "median"}}], rows, "x int, y bigint")
    assert (judged[2]["x"], judged[2]["y"]) == (2, 2)


def test_of_several_most_frequent_texts_the_smallest_is_used(spark: SparkSession):
    rows = judge(spark, [{"impute": {"columns": ["x"], "method": "mode"}}],
                 [("b",), ("a",), ("",), ("b",), ("a",), ("c",)], "x string")
    assert rows[2]["x"] == "a"


def test_only_rows_that_are_still_good_are_fitted_and_counted(spark: SparkSession):
    rules = [{"range": {"column": "x", "max": 10}}, {"not_null": {"columns": ["y"]}},
             {"impute": {"columns": ["x"], "method": "mean"}}]
    context = RuleContext()
    rows = judge(spark, rules, [(1.0, 1), (3.0, 1), (99.0, 1), (None, 1), (None, None)], "x double, y int",
                 context=context)
    assert rows[3]["x"] == 2.0
    assert context.imputed == {"impute(x)": 1}


TIMES = [("m1", 4, None), ("m1", 1, 10.0), ("m1", 2, None), ("m2", 1, None), ("m2", 2, 5.0), ("m1", 3, 30.0),
         ("m2", 9, math.nan), ("m1", None, None)]


@pytest.mark.parametrize("order", [range(8), range(7, -1, -1), [3, 0, 7, 5, 1, 6, 2, 4]])
def test_the_value_last_seen_is_carried_forward_within_an_entity(spark: SparkSession, order: Any):
    context = RuleContext()
    rule = {"impute": {"columns": ["x"], "method": "forward", "along": "at", "by": ["meter"]}}
    rows = judge(spark, [rule], [TIMES[index] for index in order], "meter string, at int, x double",
                 context=context)
    frame = pd.DataFrame(TIMES, columns=["meter", "at", "x"]).dropna(subset="at").sort_values("at")
    filled = frame.assign(x=frame.groupby("meter")["x"].ffill())
    expected = {(meter, at): None if math.isnan(x) else x for meter, at, x in filled.itertuples(index=False)}
    assert {(row["meter"], row["at"]): row["x"] for row in rows} == {**expected, ("m1", None): None}
    assert context.imputed == {"impute(x)": 3}


def test_the_version_records_fitted_values_and_filled_cells(spark: SparkSession, tmp_path: Path):
    rules = [{"cast": {"column": "x", "to": "double"}}, {"outliers": {"columns": ["x"], "action": "null"}},
             {"impute": {"columns": ["x"], "method": "median"}}]
    result = clean_files(spark, tmp_path, {"a.csv": "id,x\na,1\nb,2\nc,3\nd,4\ne,900\nf,\ng,x\n"},
                         columns={"id": "string", "x": "string"}, rules=rules)
    assert sorted(row["x"] for row in result.rows) == [1.0, 2.0, 2.5, 2.5, 3.0, 4.0]
    entry = result.version.entry
    assert entry.counts == {"in": 7, "out": 6, "quarantined": 1, "reasons": {"cast(x)": 1}, "imputed": {"impute(x)": 2}}
    assert [(fitted["rule"], fitted["values"]) for fitted in entry.meta["fitted"]] == [
        ("outliers(x)", [{"center": 3.0, "spread": 2.0, "low": -1.0, "high": 7.0}]), ("impute(x)", [{"value": 2.5}])]


def test_many_fitted_rules_keep_the_plan_of_spark_small(spark: SparkSession):
    rules = [{"impute": {"columns": ["x"], "method": "mean"}}, {"outliers": {"columns": ["x"], "method": "z"}}] * 4
    context = RuleContext()
    rows = judge(spark, rules, [(1.0,), (2.0,), (None,)], "x double", context=context)
    assert [row["x"] for row in rows] == [1.0, 2.0, 1.5]
    assert len(context.fitted) == 8


def test_a_rejected_rows_value_is_not_carried_forward(spark: SparkSession):
    rules = [{"range": {"column": "x", "max": 10}},
             {"impute": {"columns": ["x"], "method": "forward", "along": "at"}}]
    rows = judge(spark, rules, [(1, 1.0), (2, 99.0), (3, None)], "at int, x double")
    assert [row["x"] for row in rows] == [1.0, 99.0, 1.0]
