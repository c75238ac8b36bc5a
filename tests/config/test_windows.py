"""Valid windows, and the problems of invalid ones."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from laketrain.config.windows import Windows, plain
from laketrain.errors import Problem

WORKLOAD = """
name: load
lake: lake
sources:
  loads: {format: csv, path: x.csv, schema: {station: string, at: timestamp, load: double, heat: double}}
clean:
  loads: {rules: [{not_null: {columns: [at]}}]}
convert:
  table: loads
  windows: {by: [station], order: at, max_gap: 1 hour, lookback: 96, horizon: 24}
  features:
    past: {kind: sequence, columns: [past.load, past.heat], shape: [96, 2]}
    ahead: {kind: value, column: next.load, size: 24}
  split: {by_time: {column: at, until: {train: 2017-07-01}}}
"""


def windows(**settings: object) -> Windows:
    return Windows.model_validate({"order": "at", "lookback": 2, **settings})


def test_the_workload_is_accepted(problems: Callable[..., list[Problem]]) -> None:
    assert problems(WORKLOAD) == []


@pytest.mark.parametrize(("old", "new", "where", "message", "hint"), [
    ("past.heat]", "past.heet]", "convert.features.past.columns", "there is no column of loads 'past.heet'",
     "Did you mean 'past.heat'?"),
    ("[96, 2]", "[95, 2]", "convert.features.past.shape", "received 95 steps, but past.load has 96", "Write [96, 2]"),
    ("size: 24", "size: 96", "convert.features.ahead.size", "received 96, but next.load has 24 values", "Write 24"),
    ("[past.load, past.heat]", "[past.load, next.heat]", "convert.features.past.columns",
     "past, next and plain columns have different lengths", "Make a feature of each"),
    ("by: [station]", "by: [statoin]", "convert.windows.by.0", "there is no column of loads 'statoin'", "'station'"),
    ("order: at", "order: att", "convert.windows.order", "there is no column of loads 'att'", "Did you mean 'at'?"),
    ("order: at", "order: at, known_by: att", "convert.windows.known_by", "there is no column of loads 'att'", "'at'?"),
    ("order: at", "order: at, known_by: load", "convert.windows.known_by", "'at' is timestamp, 'load' is double",
     "Name the column with the time at which a row became known"),
    ("horizon: 24", "horizon: 0", "convert.features.ahead.column", "there is no column of loads 'next.load'", ""),
    ("1 hour", "1 our", "convert.windows.max_gap", "the unit 'our' in '1 our'", "'hour'"),
    ("1 hour", "99999999999999 days", "convert.windows.max_gap", "expected at most 1,000,000 days", ""),
    ("1 hour", f"{'9' * 400} s", "convert.windows.max_gap", "expected at most 1,000,000 days", ""),
    ("1 hour", "an hour", "convert.windows.max_gap", "expected a number and a unit", ""),
])
def test_a_mistake_is_reported_at_its_key(problems: Callable[..., list[Problem]], old: str, new: str, where: str,
                                        message: str, hint: str) -> None:
    [result] = problems(WORKLOAD.replace(old, new))
    assert result.where == where
    assert message in result.problem
    assert hint in result.hint
    shown = where.removeprefix("convert.").removeprefix("features.").partition(".")[0]
    assert WORKLOAD.splitlines()[(result.line or 0) - 1].strip().startswith(f"{shown}: ")


@pytest.mark.parametrize(("written", "seconds"), [
    ("90 s", 90), ("90s", 90), ("5 minutes", 300), ("1.5 hours", 5400), ("2 d", 172_800), ("1 week", 604_800),
    ("250 ms", 0.25), ("3 Min", 180)])
def test_spans_of_time_are_read_as_people_write_them(written: str, seconds: float) -> None:
    assert windows(max_gap=written).max_gap == timedelta(seconds=seconds)


@given(st.integers(0, 10**12))
def test_a_span_written_out_is_the_same_span(microseconds: int) -> None:
    span = windows(max_gap=timedelta(microseconds=microseconds))
    assert Windows.model_validate(span.model_dump(mode="json")) == span


def test_a_number_is_a_gap_of_an_order_by_number() -> None:
    assert windows(max_gap=3).max_gap == 3
    with pytest.raises(ValidationError):
        windows(max_gap=True)


def test_columns_of_windows_are_of_the_past_of_the_future_and_plain() -> None:
    some = windows(horizon=3)
    assert some.columns(["x"]) == {"x", "past.x", "next.x"}
    assert some.columns(["x"], future=False) == {"x", "past.x"} == windows().columns(["x"])
    assert [some.steps(name) for name in ("x", "past.x", "next.x")] == [None, 2, 3]
    assert {plain(name) for name in some.columns(["x"])} == {"x"}
