"""SQL steps select and filter, wherever they stand; they make no rows, and mean the same in any session."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from laketrain.errors import DataError
from laketrain.lake import Lake

from .conftest import Integrate, Integrated

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

SCANS = [{"id": "a", "pixels": 1}, {"id": "b", "pixels": 2}, {"id": "c", "pixels": 3}, {"id": None, "pixels": 4}]


@pytest.fixture
def selected(integrate: Integrate) -> Callable[..., Integrated]:
    """What queries make of SCANS, one after the other."""

    def go(*queries: str, name: str = "digits") -> Integrated:
        return integrate([{"sql": query} for query in queries], {"scans": (SCANS, "id string, pixels int")}, name)

    return go


def test_what_sql_filters_is_counted(selected: Integrate):
    result = selected("SELECT id, pixels * 10 AS tenfold FROM digits WHERE pixels > 1")
    assert result.has("tenfold") == [(20,), (30,), (40,)]
    assert {key: result.counts[key] for key in ("in", "out", "filtered", "quarantined")} == {
        "in": 4, "out": 3, "filtered": 1, "quarantined": 0}


@pytest.mark.parametrize("sql", [
    "SELECT id, explode(array(1, 2)) AS n FROM digits", "SELECT * FROM digits UNION ALL SELECT * FROM digits",
    "SELECT one.id FROM digits one CROSS JOIN digits other"])
def test_sql_that_makes_rows_is_refused(selected: Integrate, tmp_path: Path, sql: str):
    with pytest.raises(DataError, match=r"made (8|16) rows of 4"):
        selected(sql)
    assert Lake(str(tmp_path / "lake")).table("integrated", "digits").latest() is None


def test_sql_that_spark_refuses_is_told_in_a_sentence(selected: Integrate):
    with pytest.raises(DataError) as caught:
        selected("SELECT size(pixels) AS n FROM digits")
    assert "DATATYPE_MISMATCH" in caught.value.problem
    assert "\n" not in caught.value.problem


def test_the_view_has_the_tables_name_and_is_gone_afterwards(selected: Integrate, spark: SparkSession):
    result = selected("SELECT id FROM `my-digits` WHERE id IS NOT NULL", name="my-digits")
    assert result.has("id") == [("a",), ("b",), ("c",)]
    assert "my-digits" not in {table.name for table in spark.catalog.listTables()}


def test_sql_means_the_same_in_any_session(selected: Integrate, spark: SparkSession):
    spark.conf.set("spark.sql.session.timeZone", "Asia/Tokyo")
    try:
        result = selected("SELECT unix_seconds(cast('2026-03-09T08:00:00' AS timestamp)) AS at, "
                                  "cast('x' AS int) AS n FROM digits LIMIT 1")
    finally:
        spark.conf.set("spark.sql.session.timeZone", "UTC")
    assert result.has("at", "n") == [(1773043200, None)]


def test_steps_follow_each_other_and_each_sees_what_the_one_before_left(selected: Integrate):
    result = selected("SELECT id, pixels + 1 AS p FROM digits WHERE id IS NOT NULL", "SELECT p FROM digits WHERE p > 2",
                     "SELECT p * 2 AS q FROM digits")
    assert result.has("q") == [(6,), (8,)]
    assert [(step["in"], step["out"], step["filtered"]) for step in result.steps] == [(4, 3, 1), (3, 2, 1), (2, 2, 0)]
    assert (result.counts["in"], result.counts["out"], result.counts["filtered"]) == (4, 2, 2)


def test_a_step_that_makes_rows_is_refused_before_others_go_on(selected: Integrate):
    with pytest.raises(DataError, match="made 8 rows of 4"):
        selected("SELECT id, explode(array(1, 2)) AS n FROM digits", "SELECT id FROM digits LIMIT 2")


def test_an_unknown_column_of_a_query_is_refused_with_the_nearest_name(selected: Integrate):
    with pytest.raises(DataError) as caught:
        selected("SELECT pixel FROM digits")
    assert (caught.value.problem, caught.value.hint) == ("there is no column 'pixel'", "Did you mean 'pixels'?")
