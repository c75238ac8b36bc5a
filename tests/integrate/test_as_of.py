"""As-of joins find what pandas.merge_asof finds, from any start and however a key is cut; no row is lost or doubled."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import date, datetime, timezone
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from laketrain.config.integrate import AsOf
from laketrain.errors import DataError
from laketrain.integrate import skew
from laketrain.integrate.as_of import as_of
from laketrain.integrate.base import TableRows
from laketrain.spark.persistence import PersistedFrames

from .conftest import Integrate, Integrated, Rows

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.slow


def at(text: str) -> datetime:
    return datetime.fromisoformat(f"2026-03-09T{text}").replace(tzinfo=timezone.utc)


def naive(text: str) -> datetime:
    return at(text).replace(tzinfo=None)


TRADES = [{"id": 1, "ticker": "a", "at": at("10:00:00")}, {"id": 2, "ticker": "a", "at": at("12:00:00")},
          {"id": 3, "ticker": "b", "at": at("10:00:00")}, {"id": 4, "ticker": "a", "at": None},
          {"id": 5, "ticker": None, "at": at("10:00:00")}, {"id": 6, "ticker": "a", "at": at("09:00:00")}]
PRICES = [{"ticker": "a", "at": at("09:30:00"), "price": 1.0}, {"ticker": "a", "at": at("12:00:00"), "price": 2.0},
          {"ticker": "b", "at": at("10:00:01"), "price": 3.0}, {"ticker": None, "at": at("09:00:00"), "price": 4.0},
          {"ticker": "a", "at": None, "price": 5.0}]


@pytest.fixture
def priced(integrate: Integrate) -> Callable[..., Integrated]:
    """Trades with the price of their time."""

    def go(prices: Rows = PRICES, left: str = "keep", **settings: Any) -> Integrated:
        step = {"table": "prices", "on": ["ticker"], "time": "at", "unmatched": {"left": left}, **settings}
        return integrate([{"as_of": step}], {"trades": (TRADES, "id int, ticker string, at timestamp"),
                                             "prices": (prices, "ticker string, at timestamp, price double")})

    return go


NONE = dict.fromkeys(range(1, 7))


@pytest.mark.parametrize(("settings", "prices"), [
    ({}, {1: 1.0, 2: 2.0}),
    ({"allow_exact": False}, {1: 1.0, 2: 1.0}),
    ({"tolerance": "29 minutes"}, {2: 2.0}),
    ({"tolerance": "30 minutes"}, {1: 1.0, 2: 2.0}),
    ({"direction": "forward"}, {1: 2.0, 2: 2.0, 3: 3.0, 6: 1.0}),
    ({"direction": "forward", "allow_exact": False}, {1: 2.0, 3: 3.0, 6: 1.0}),
    ({"direction": "nearest"}, {1: 1.0, 2: 2.0, 3: 3.0, 6: 1.0}),
    ({"direction": "nearest", "tolerance": "1 s"}, {2: 2.0, 3: 3.0}),
])
def test_each_row_gets_the_partner_of_its_time(priced: Callable[..., Integrated], settings: Mapping[str, Any],
                                               prices: Mapping[int, float]):
    result = priced(**settings)
    assert {row["id"]: row["price"] for row in result.rows} == {**NONE, **prices}
    assert list(result.rows[0]) == ["id", "ticker", "at", "price"]
    [step] = result.steps
    assert step == {"step": "as_of(prices)", "in": 6, "out": 6, "quarantined": 0, "matched": len(prices),
                    "unmatched": 6 - len(prices), "null_keys": 2, "other": {"rows": 5, "null_keys": 2}}


def test_rows_without_a_partner_go_to_quarantine_with_the_reason(priced: Callable[..., Integrated]):
    result = priced(left="quarantine", tolerance="1 hour")
    assert result.has("id", "price") == [(1, 1.0), (2, 2.0)]
    assert result.why == [("clean/trades", "as_of(prices)", f"no partner in clean/prices up to ticker, at = {values}")
                         for values in ("a, 2026-03-09 09:00:00", "a, null", "b, 2026-03-09 10:00:00",
                                        "null, 2026-03-09 10:00:00")]
    assert {json.loads(row["record"])["id"] for row in result.refused} == {3, 4, 5, 6}
    assert (result.counts["in"], result.counts["out"], result.counts["quarantined"]) == (6, 2, 4)


def test_a_missing_partner_is_fatal_unless_something_else_is_said(priced: Callable[..., Integrated]):
    with pytest.raises(DataError, match="4 rows of clean/trades have no partner in clean/prices, e.g. no partner"):
        priced(left="fatal")


TWICE = [*PRICES, {"ticker": "a", "at": at("09:30:00"), "price": 1.5}]


def test_two_partners_of_one_time_are_refused(priced: Callable[..., Integrated]):
    with pytest.raises(DataError) as caught:
        priced(TWICE)
    assert caught.value.problem == (
        "several rows of clean/prices share ticker, at: a, 2026-03-09 09:30:00 (2 rows)")
    assert "latest_by" in caught.value.hint


def test_a_column_may_tell_which_of_them_counts(priced: Callable[..., Integrated]):
    result = priced(TWICE, latest_by="price", known_by="none")
    assert {row["id"]: row["price"] for row in result.rows} == {**NONE, 1: 1.5, 2: 2.0}
    assert result.steps[0]["other"] == {"rows": 6, "null_keys": 2, "superseded": 1}
    with pytest.raises(DataError, match="share ticker, at: .* Next: there is no rule to choose among them"):
        priced([*TWICE, TWICE[-1]], latest_by="price", known_by="none")


def test_the_time_of_the_partner_comes_along_under_a_name_of_its_own(priced: Callable[..., Integrated]):
    result = priced(prefix="last_")
    assert {row["id"]: row["last_at"] for row in result.rows} == {
        **NONE, 1: pd.Timestamp("2026-03-09 09:30:00"), 2: pd.Timestamp("2026-03-09 12:00:00")}


@pytest.mark.parametrize(("kind", "left", "right", "settings", "expected"), [
    ("date", date(2026, 3, 9), [date(2026, 3, 1), date(2026, 3, 7)], {"tolerance": "2 days"}, 1),
    ("date", date(2026, 3, 9), [date(2026, 3, 1), date(2026, 3, 6)], {"tolerance": "2 days"}, None),
    ("timestamp_ntz", naive("10:00"), [naive("09:00"), naive("10:00")], {}, 1),
    ("timestamp", datetime(1600, 1, 1, tzinfo=timezone.utc), [datetime(1599, 12, 31, tzinfo=timezone.utc)], {}, 0),
    ("bigint", 2**63 - 1, [-2**63, -2**63 + 5], {"tolerance": 10}, None),
    ("bigint", 2**62 + 1, [2**62 - 9, 2**62], {"tolerance": 1}, 1),
    ("double", 1.5, [0.25, 1.25, float("nan")], {"tolerance": 0.25}, 1),
    ("double", float("nan"), [0.25], {}, None),
    ("double", float("inf"), [1.0, float("inf")], {"tolerance": 1, "direction": "nearest"}, 1),
    ("decimal(10,2)", Decimal("1.10"), [Decimal("1.08"), Decimal("1.09")], {"tolerance": 0.01}, 1),
    ("smallint", 5, [4, 6], {"direction": "nearest"}, 0),
])
def test_times_are_dates_timestamps_or_numbers_and_there_may_be_no_key(
        integrate: Integrate, kind: str, left: Any, right: list[Any], settings: dict[str, Any], expected: int | None):
    result = integrate([{"as_of": {"table": "series", "time": "t", "unmatched": {"left": "keep"}, **settings}}],
                      {"one": ([{"t": left}], f"t {kind}"),
                       "series": ([{"t": t, "n": n} for n, t in enumerate(right)], f"t {kind}, n int")})
    assert [row["n"] for row in result.rows] == [expected]


def test_times_of_two_kinds_are_refused(integrate: Integrate):
    with pytest.raises(DataError) as caught:
        integrate([{"as_of": {"table": "series", "time": "t"}}], {
            "one": ([{"t": date(2026, 3, 9)}], "t date"), "series": ([{"t": at("10:00:00"), "n": 1}],
                                                                      "t timestamp, n int")})
    assert caught.value.problem == "column 't' is date, 't' of series is timestamp"


# ---- against pandas

times = st.integers(0, 12)
rows = st.lists(st.tuples(st.sampled_from("abc"), times), max_size=40)


@settings(max_examples=10, suppress_health_check=list(HealthCheck))
@given(rows, st.sets(st.tuples(st.sampled_from("abc"), times), max_size=30),
       st.sampled_from(["backward", "forward", "nearest"]), st.booleans(), st.sampled_from([None, 0, 1, 3]),
       st.booleans())
def test_it_finds_what_pandas_finds_however_keys_are_cut(
        spark: SparkSession, lefts: list[tuple[str, int]], rights: set[tuple[str, int]], direction: str, exact: bool,
        tolerance: int | None, cut: bool):
    left = pd.DataFrame(lefts, columns=["k", "t"]).astype({"k": "object", "t": "int64"})
    left["i"] = range(len(left))
    right = pd.DataFrame(sorted(rights), columns=["k", "t"]).astype({"k": "object", "t": "int64"})
    right["n"] = [float(n) for n in range(len(right))]
    expected = pd.merge_asof(left.sort_values("t", kind="stable"), right.sort_values("t", kind="stable"), on="t",
                             by="k", direction=direction, allow_exact_matches=exact, tolerance=tolerance)
    step = AsOf.model_validate({"step": "as_of", "table": "right", "on": ["k"], "time": "t", "direction": direction,
                                "allow_exact": exact, "tolerance": tolerance, "unmatched": {"left": "keep"}})
    with pytest.MonkeyPatch.context() as patch, PersistedFrames() as kept:
        if cut:
            patch.setattr(skew, "_MIN_ROWS", 1)
        sides = [TableRows(name, spark.createDataFrame(list(frame.itertuples(index=False)), ddl), len(frame))
                 for name, frame, ddl in (("left", left, "k string, t bigint, i bigint"),
                                          ("right", right, "k string, t bigint, n double"))]
        done = as_of(sides[0], step, {"right": sides[1]}, kept)
        result = {row["i"]: row["n"] for row in done.frame.collect()}
    assert result == {row.i: None if pd.isna(row.n) else row.n for row in expected.itertuples()}
    assert done.rows == len(left)


def test_a_key_that_holds_most_rows_is_cut_and_its_parts_are_of_one_size(spark: SparkSession):
    """95 of 100 rows have one key: it is cut into stretches of time, none much longer than another."""
    rows = 40_000
    hot = spark.range(rows).selectExpr("if(id % 20 = 0, concat('k', id % 400), 'hot') AS k", "id * 7919 % 40000 AS t",
                                       "id AS i")
    placed = hot.selectExpr("k", f"cast(t AS decimal(20,0)) AS {skew.AT}", "struct(i) AS body")
    both = skew.stack(placed.withColumnRenamed("body", skew.LEFT),
                                      placed.withColumnRenamed("body", skew.RIGHT))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(skew, "_MIN_ROWS", 1000)
        cut, cuts = skew.split_large_keys(both, ["k"], 2 * rows)
    assert cuts is not None
    assert [row["k"] for row in cuts.collect()] == ["hot"]
    sizes = [row["count"] for row in cut.where("k = 'hot'").groupBy(skew._RANGE).count().collect()]
    assert sum(sizes) == 2 * rows * 95 // 100
    assert max(sizes) <= 2 * sorted(sizes)[len(sizes) // 2]


def test_a_partner_is_carried_over_stretches_that_have_none(spark: SparkSession):
    """One price at the beginning and a hundred thousand trades after it, of one key: all have it."""
    left = spark.range(100_000).selectExpr("'k' AS k", "id AS t")
    right = spark.createDataFrame([("k", 0, 1.5)], "k string, t bigint, price double")
    step = AsOf.model_validate({"step": "as_of", "table": "right", "on": ["k"], "time": "t"})
    with PersistedFrames() as kept:
        done = as_of(TableRows("left", left, 100_000), step, {"right": TableRows("right", right, 1)}, kept)
        assert done.frame.where("price = 1.5").count() == done.rows == 100_000
