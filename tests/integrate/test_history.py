"""Histories: an entity's events in the order of time, bounded, however Spark cut the rows; none is lost unseen."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from laketrain.config.integrate import History
from laketrain.errors import DataError
from laketrain.integrate.base import TableRows
from laketrain.integrate.history import history
from laketrain.spark.persistence import PersistedFrames

from .conftest import Integrate, Integrated, Rows

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.slow

VISITS = [{"who": "b", "at": 2, "code": "x", "value": 1.0}, {"who": "a", "at": 3, "code": "z", "value": None},
          {"who": "a", "at": 1, "code": None, "value": 2.0}, {"who": "a", "at": 2, "code": "y", "value": 3.0},
          {"who": "a", "at": 2, "code": "x", "value": 4.0}]
LOST = [{"who": None, "at": 1, "code": "p", "value": 0.0}, {"who": "a", "at": None, "code": "q", "value": 0.0}]


@pytest.fixture
def gathered(integrate: Integrate) -> Callable[..., Integrated]:
    """The visits of each patient, or what was before each visit."""

    def go(visits: Rows = VISITS, **settings: Any) -> Integrated:
        step = {"by": ["who"], "order": "at", "columns": ["code", "value"], "last": 100, **settings}
        return integrate([{"history": step}], {"visits": (visits, "who string, at int, code string, value double")})

    return go


def test_a_row_an_entity_has_its_events_in_the_order_of_time(gathered: Callable[..., Integrated]):
    result = gathered()
    assert sorted(result.rows, key=lambda row: row["who"]) == [
        {"who": "a", "code": [None, "x", "y", "z"], "value": [2.0, 4.0, 3.0, None]},
        {"who": "b", "code": ["x"], "value": [1.0]}]
    assert result.steps == [{"step": "history(who)", "in": 5, "out": 2, "quarantined": 0, "events": 5, "older": 0,
                            "gathered": 3}]
    assert (result.counts["in"], result.counts["out"], result.counts["gathered"]) == (5, 2, 3)


def test_only_the_latest_are_gathered_and_the_others_are_counted(gathered: Callable[..., Integrated]):
    result = gathered(last=2, count="visits", prefix="past_")
    assert result.has("who", "past_code", "visits") == [("a", ["y", "z"], 4), ("b", ["x"], 1)]
    assert (result.steps[0]["events"], result.steps[0]["older"]) == (5, 2)


def test_further_columns_tell_events_of_one_time_apart(gathered: Callable[..., Integrated]):
    assert gathered(order=["at", "value"]).has("who", "code") == [("a", [None, "y", "x", "z"]), ("b", ["x"])]


def test_each_event_sees_those_of_an_earlier_time_and_none_of_its_own(gathered: Callable[..., Integrated]):
    result = gathered(per="event", columns=["code"], last=2)
    assert result.has("who", "at", "code", "earlier_code") == [
        ("a", 1, None, []), ("a", 2, "x", [None]), ("a", 2, "y", [None]), ("a", 3, "z", ["x", "y"]),
        ("b", 2, "x", [])]
    assert result.steps == [{"step": "history(who)", "in": 5, "out": 5, "quarantined": 0, "events": 5}]


@pytest.mark.parametrize("per", ["entity", "event"])
def test_rows_without_an_entity_or_a_time_are_quarantined_where_that_is_said(gathered: Callable[..., Integrated],
                                                                            per: str):
    result = gathered([*VISITS, *LOST], unplaced="quarantine", per=per)
    assert [reason for *_, reason in result.why] == ["has no entity or no time: who, at = a, null",
                                                    "has no entity or no time: who, at = null, 1"]
    assert {rule for _, rule, _ in result.why} == {"history(who)"}
    assert (result.steps[0]["in"], result.steps[0]["events"], result.steps[0]["quarantined"]) == (7, 5, 2)


def test_rows_without_an_entity_or_a_time_are_fatal_unless_something_else_is_said(gathered: Callable[..., Integrated]):
    with pytest.raises(DataError, match="2 rows of clean/visits have no entity or no time, e.g. has no entity or no"):
        gathered([*VISITS, *LOST])


def test_a_map_has_no_order_and_is_refused(integrate: Integrate):
    with pytest.raises(DataError, match="column 'm' is a map, and maps have no order"):
        integrate([{"history": {"by": ["who"], "order": "who", "columns": ["m"], "last": 1}}],
                  {"visits": ([], "who string, m map<string,int>")})


def test_no_rows_make_no_entities(gathered: Callable[..., Integrated]):
    result = gathered([])
    assert (result.rows, result.counts["out"]) == ([], 0)


events = st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 6), st.integers(0, 3)), max_size=30)


@settings(max_examples=8, suppress_health_check=list(HealthCheck))
@given(events, st.integers(1, 5), st.sampled_from(["entity", "event"]), st.randoms(use_true_random=False))
def test_histories_are_those_of_plain_python_in_whatever_order_rows_come(
        spark: SparkSession, given: list[tuple[str, int, int]], last: int, per: str, chance: random.Random):
    step = History.model_validate({"step": "history", "by": ["k"], "order": "t", "columns": ["v"], "last": last,
                                   "per": per})
    rows = [(*event, index) for index, event in enumerate(given)]
    chance.shuffle(rows)
    frame = spark.createDataFrame(rows, "k string, t int, v int, position int").repartition(3)
    with PersistedFrames() as kept:
        result = history(TableRows("visits", frame, len(rows)), step, kept).frame.collect()
    if per == "entity":
        assert {row["k"]: row["v"] for row in result} == {k: before(given, k, 99, last) for k in {k for k, *_ in given}}
    else:
        assert {row["position"]: row["earlier_v"] for row in result} == {
            index: before(given, k, t, last) for index, (k, t, _) in enumerate(given)}


def before(events: Sequence[tuple[str, int, int]], key: str, time: int, last: int) -> list[int]:
    """The values of the key's `last` events before `time`."""
    return [v for _, v in sorted((t, v) for k, t, v in events if k == key and t < time)][-last:]
