"""What became known after a row's time reaches it neither by as_of nor by history: held against loops in Python."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, timezone
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from laketrain.config.integrate import AsOf, History
from laketrain.errors import DataError
from laketrain.integrate import skew
from laketrain.integrate.as_of import as_of
from laketrain.integrate.base import TableRows
from laketrain.integrate.history import history
from laketrain.spark.frames import configured
from laketrain.spark.persistence import PersistedFrames

from .conftest import Integrate, Integrated, Rows

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.slow


def on(text: str) -> datetime:
    return datetime.fromisoformat(f"2024-{text}").replace(tzinfo=timezone.utc)


VISITS = [{"patient": "p1", "at": on("01-10")}, {"patient": "p1", "at": on("02-15")}]
SCORES = [{"patient": "p1", "valid_at": on("01-05"), "recorded_at": on("01-05"), "score": 10},
          {"patient": "p1", "valid_at": on("01-05"), "recorded_at": on("02-01"), "score": 99}]


@pytest.fixture
def scored(integrate: Integrate) -> Callable[..., Integrated]:
    """The visits of patients, each with the score of its time, by each of `ways` in a column of its own."""

    def go(*ways: Mapping[str, Any], scores: Rows = SCORES) -> Integrated:
        step = {"table": "scores", "on": ["patient"], "time": "at", "right_time": "valid_at", "columns": ["score"],
                "unmatched": {"left": "keep"}}
        return integrate([{"as_of": {**step, "prefix": f"{index}_", **way}} for index, way in enumerate(ways)], {
            "visits": (VISITS, "patient string, at timestamp"),
            "scores": (scores, "patient string, valid_at timestamp, recorded_at timestamp, score int")})

    return go


def scores_of(found: Integrated) -> list[list[int | None]]:
    rows = sorted(found.rows, key=lambda row: row["at"])
    return [[row[name] for row in rows] for name in rows[0] if name.endswith("_score")]


WAYS: list[tuple[dict[str, Any], list[int | None]]] = [
    ({"latest_by": "recorded_at"}, [10, 99]),
    ({"latest_by": "recorded_at", "tolerance": "40 days"}, [10, None]),
    ({"latest_by": "recorded_at", "known_by": "none"}, [99, 99]),
    ({"latest_by": "recorded_at", "known_by": "none", "direction": "nearest"}, [99, 99]),
]


def test_a_correction_counts_from_the_moment_it_was_recorded(scored: Callable[..., Integrated]):
    result = scored(*(way for way, _ in WAYS))
    assert scores_of(result) == [expected for _, expected in WAYS]
    assert result.steps[0]["other"] == {"rows": 2, "null_keys": 0, "never_known": 0, "superseded": 1}
    assert result.steps[2]["other"] == {"rows": 2, "null_keys": 0, "superseded": 1}


def test_what_was_recorded_late_is_seen_late_and_what_never_was_is_counted(scored: Callable[..., Integrated]):
    late = [*SCORES[:1], {**SCORES[0], "valid_at": on("01-09"), "recorded_at": on("01-11"), "score": 20},
            {**SCORES[0], "valid_at": on("01-08"), "recorded_at": None, "score": 30},
            {**SCORES[0], "valid_at": None, "score": 40},
            {**SCORES[0], "valid_at": on("01-06"), "recorded_at": on("01-10"), "score": 50},
            {**SCORES[0], "valid_at": on("02-15"), "recorded_at": on("02-14"), "score": 60}]
    result = scored({"known_by": "recorded_at"}, {"known_by": "recorded_at", "allow_exact": False}, scores=late)
    assert scores_of(result) == [[50, 60], [10, 20]]
    assert result.steps[0]["other"] == {"rows": 6, "null_keys": 1, "never_known": 1, "superseded": 0}


def test_two_rows_of_one_time_that_became_known_at_once_are_refused(scored: Callable[..., Integrated]):
    with pytest.raises(DataError) as caught:
        scored({"latest_by": "recorded_at"}, scores=[*SCORES, {**SCORES[0], "score": 11}])
    assert caught.value.problem == (
        "several rows of clean/scores share patient, valid_at, recorded_at: "
        "p1, 2024-01-05 00:00:00, 2024-01-05 00:00:00 (2 rows)")


def test_a_row_whose_partner_became_known_later_says_so(scored: Callable[..., Integrated]):
    with pytest.raises(DataError) as caught:
        scored({"latest_by": "recorded_at", "unmatched": {"left": "fatal"}}, scores=SCORES[1:])
    assert "1 rows of clean/visits have no partner in clean/scores, e.g. no partner in clean/scores known by " in (
        caught.value.problem)
    assert "rows match from their 'recorded_at' on, or with known_by: none" in caught.value.hint


def test_a_time_of_knowledge_of_another_type_is_refused_where_only_the_data_tells(integrate: Integrate):
    with pytest.raises(DataError, match="column 'at' is date, the column of scores 'known' is timestamp"):
        integrate([{"as_of": {"table": "scores", "time": "at", "known_by": "known", "columns": ["n"]}}], {
            "visits": ([{"at": date(2024, 1, 1)}], "at date"),
            "scores": ([{"at": date(2024, 1, 1), "known": on("01-01"), "n": 1}], "at date, known timestamp, n int")})


# ---- many small tables at once, each a key of its own, and one key that holds most rows

times = st.integers(0, 9)
records = st.lists(st.tuples(times, st.none() | times, st.sampled_from([None, 1, 2])), max_size=8, unique=True)
cases = st.lists(st.tuples(st.lists(times, max_size=5), records), min_size=20, max_size=40)
long = st.integers(0, 60)
crowd = st.tuples(st.lists(long, min_size=150, max_size=200),
                  st.lists(st.tuples(long, st.none() | long, st.sampled_from([None, 1, 2])), min_size=60, max_size=120,
                           unique=True))
FEW = settings(max_examples=3, phases=[Phase.generate], suppress_health_check=list(HealthCheck), deadline=None)


def partner(time: int, records: Sequence[tuple[int, int | None, int | None]], exact: bool, versioned: bool,
            tolerance: int | None) -> int | None:
    """Which of the records (valid, known, version) a row of this time gets."""
    def seen(one: int) -> bool:
        return one <= time if exact else one < time

    def order(position: int) -> tuple[int, ...]:
        valid, known, version = records[position]
        assert known is not None
        return (valid, version or 0, known) if versioned else (valid, known)

    known = [position for position, (valid, recorded, _) in enumerate(records)
             if recorded is not None and seen(valid) and seen(recorded)]
    best = max(known, key=order, default=None)
    return None if best is None or (tolerance is not None and time - records[best][0] > tolerance) else best


@FEW
@given(cases, crowd, st.booleans(), st.booleans(), st.sampled_from([None, 0, 2, 20]),
       st.sampled_from(["bigint", "double"]))
def test_each_row_gets_the_last_that_was_known_by_its_time_however_keys_are_cut(
        spark: SparkSession, cases: list[Any], crowd: Any, exact: bool, versioned: bool, tolerance: int | None,
        kind: str):
    tables = [crowd, *cases]
    if not versioned:  # else two of one time that became known at once can't be told apart
        tables = [(left, list({record[:2]: record for record in result}.values())) for left, result in tables]
    left = [(key, time, position) for key, (own, _) in enumerate(tables) for position, time in enumerate(own)]
    right = [(key, *record, position) for key, (_, own) in enumerate(tables) for position, record in enumerate(own)]
    step = AsOf.model_validate({
        "step": "as_of", "table": "right", "on": ["k"], "time": "t", "right_time": "v", "known_by": "w",
        "columns": ["n"], "allow_exact": exact, "tolerance": tolerance, "unmatched": {"left": "keep"},
        **({"latest_by": "version"} if versioned else {})})
    with pytest.MonkeyPatch.context() as patch, PersistedFrames() as kept:
        patch.setattr(skew, "_MIN_ROWS", 1)
        others = spark.createDataFrame(right, "k int, v bigint, w bigint, version int, n int").selectExpr(
            "k", f"cast(v AS {kind}) AS v", "w", "version", "n")
        sides = {"left": TableRows("left", spark.createDataFrame(left, "k int, t bigint, i int"), len(left)),
                 "right": TableRows("right", others, len(right))}
        if kind == "double":
            sides = {name: TableRows(name, one.frame.withColumns(
                {time: one.frame[time].cast("double") for time in ("t", "w") if time in one.frame.columns}), one.rows)
                for name, one in sides.items()}
        done = as_of(sides["left"], step, sides, kept)
        result = {(row["k"], row["i"]): row["n"] for row in done.frame.collect()}
    assert result == {(key, position): partner(time, tables[key][1], exact, versioned, tolerance)
                     for key, time, position in left}
    assert done.counts["other"]["never_known"] == sum(known is None for _, _, known, *_ in right)


# ---- histories

EVENTS = [{"who": "a", "at": on("01-01"), "seen": on("01-01"), "code": "x"},
          {"who": "a", "at": on("01-05"), "seen": on("01-20"), "code": "late"},
          {"who": "a", "at": on("01-10"), "seen": on("01-10"), "code": "y"},
          {"who": "a", "at": on("01-10"), "seen": on("02-01"), "code": "z"},
          {"who": "a", "at": on("01-12"), "seen": None, "code": "never"},
          {"who": "a", "at": on("02-15"), "seen": on("02-15"), "code": "w"}]


@pytest.fixture
def gathered(integrate: Integrate) -> Callable[..., Integrated]:
    """What was before each event, by each of `ways` in an array of its own, or the events of each entity."""

    def go(*ways: Mapping[str, Any], events: Rows = EVENTS) -> Integrated:
        step = {"by": ["who"], "order": "at", "columns": ["code", "at"], "last": 100}
        return integrate([{"history": {**step, "prefix": f"{index}_", **way}} for index, way in enumerate(ways)], {
            "events": (events, "who string, at timestamp, seen timestamp, code string")})

    return go


BEFORE: list[tuple[dict[str, Any], dict[str, list[str]]]] = [
    ({}, {"x": [], "late": ["x"], "y": ["x", "late"], "z": ["x", "late"], "never": ["x", "late", "y", "z"],
          "w": ["x", "late", "y", "z", "never"]}),
    ({"known_by": "seen"}, {"x": [], "late": ["x"], "y": ["x"], "z": ["x"], "never": ["x", "y"],
                            "w": ["x", "late", "y", "z"]}),
    ({"latest_by": "seen"}, {"x": [], "late": ["x"], "y": ["x"], "z": ["x"], "never": ["x", "y"],
                             "w": ["x", "late", "z"]}),
    ({"latest_by": "seen", "known_by": "none"}, {"x": [], "late": ["x"], "y": ["x", "late"], "z": ["x", "late"],
                                                 "never": ["x", "late", "z"], "w": ["x", "late", "z", "never"]}),
]


def test_a_rows_arrays_have_what_was_known_before_its_time(gathered: Callable[..., Integrated]):
    result = gathered(*({**way, "per": "event"} for way, _ in BEFORE))
    times_of = {row["code"]: row["at"] for row in result.rows}
    for index, (_, expected) in enumerate(BEFORE):
        assert {row["code"]: row[f"{index}_code"] for row in result.rows} == expected
        assert all(row[f"{index}_at"] == [times_of[code] for code in row[f"{index}_code"]] for row in result.rows)
    assert [(step.get("never_known"), step.get("superseded")) for step in result.steps] == [
        (None, None), (1, None), (1, 1), (None, 1)]
    assert all(step["events"] == step["out"] == 6 for step in result.steps)


def test_an_event_is_in_an_entitys_row_once_in_its_latest_version(gathered: Callable[..., Integrated]):
    result = gathered({"latest_by": "seen", "count": "n", "last": 3})
    assert result.has("who", "0_code", "n") == [("a", ["z", "never", "w"], 5)]
    assert result.steps[0] == {"step": "history(who)", "in": 6, "out": 1, "quarantined": 0, "events": 6,
                              "superseded": 1, "older": 2, "gathered": 5}


@pytest.mark.parametrize("settings", [{}, {"per": "event"}])
def test_versions_of_an_event_that_are_alike_are_refused(gathered: Callable[..., Integrated],
                                                         settings: Mapping[str, Any]):
    with pytest.raises(DataError, match=r"several rows of clean/events share who, at, seen: a, .* \(2 rows\)"):
        gathered({"latest_by": "seen", **settings}, events=[*EVENTS, {**EVENTS[0], "code": "other"}])


happened = st.lists(st.tuples(times, st.none() | times, st.sampled_from([None, 1, 2]), st.integers(0, 3)), max_size=10)
many = st.lists(st.tuples(long, st.none() | long, st.sampled_from([None, 1, 2]), st.integers(0, 3)), min_size=80,
                max_size=120)


@FEW
@given(st.lists(happened, min_size=20, max_size=40), many, st.sampled_from([1, 3, 1000]), st.booleans(),
       st.sampled_from(["bigint", "date"]), st.integers(1, 7), st.randoms(use_true_random=False))
def test_histories_have_the_last_events_that_were_known_however_rows_and_batches_are_cut(
        spark: SparkSession, cases: list[Any], many: list[Any], last: int, versioned: bool, kind: str, batch: int,
        chance: Any):
    tables = [many, *cases]
    if versioned:  # what became known at once of one event can't be told apart
        tables = [list({event[:2]: event for event in table}.values()) for table in tables]
    rows = [(key, *event, index) for key, table in enumerate(tables) for index, event in enumerate(table)]
    chance.shuffle(rows)
    step = History.model_validate({"step": "history", "by": ["k"], "order": "t", "columns": ["v"], "last": last,
                                   "per": "event", "latest_by" if versioned else "known_by": "w"})
    if versioned and kind == "bigint":
        step = History.model_validate({**step.model_dump(), "known_by": "w"})
    frame = spark.createDataFrame(rows, "k int, t int, w int, n int, v int, position int").repartition(3)
    frame = frame.selectExpr("k", *(f"{name}::bigint" if kind == "bigint" else f"date_from_unix_date({name}) AS {name}"
                                    for name in "tw"), "v", "position")
    with PersistedFrames() as kept, configured(spark, {"spark.sql.execution.arrow.maxRecordsPerBatch": str(batch)}):
        result = history(TableRows("events", frame, len(rows)), step, kept).frame.collect()
    assert {(row["k"], row["position"]): row["earlier_v"] for row in result} == {
        (key, index): seen(table, time, last, versioned) for key, table in enumerate(tables)
        for index, (time, *_) in enumerate(table)}


def seen(events: Sequence[tuple[int, int | None, int | None, int]], time: int, last: int, versioned: bool) -> list[int]:
    """The values of the last events that were before this time, and known before it."""
    known = [(at, recorded, value) for at, recorded, _, value in events
             if recorded is not None and at < time and recorded < time]
    if versioned:
        known = [max(one for one in known if one[0] == at) for at in {at for at, *_ in known}]
    return [value for _, value in sorted((at, value) for at, _, value in known)][-last:]
