"""Dates on the command line become days of the calendar, each once."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from laketrain.config.language.dates import days
from laketrain.errors import ConfigError


@pytest.mark.parametrize(("asked", "found"), [
    ("2026-11-20", ["2026-11-20"]),
    ("2026-11-01..2026-11-03", ["2026-11-01", "2026-11-02", "2026-11-03"]),
    ("2024-02-28..2024-03-01", ["2024-02-28", "2024-02-29", "2024-03-01"]),
    (" 2026-12-31 .. 2027-01-01 , 2026-01-01", ["2026-12-31", "2027-01-01", "2026-01-01"]),
    ("2026-11-02, 2026-11-01..2026-11-03", ["2026-11-02", "2026-11-01", "2026-11-03"]),
])
def test_days_and_ranges_become_days(asked: str, found: list[str]) -> None:
    assert list(days(asked)) == found


@given(st.dates(), st.integers(0, 400))
def test_a_range_has_both_ends_and_every_day_between(begin: date, more: int) -> None:
    end = min(date.max - timedelta(days=1), begin) + timedelta(days=min(more, (date.max - begin).days))
    result = days(f"{min(begin, end)}..{max(begin, end)}")
    assert (result[0], result[-1]) == (str(min(begin, end)), str(max(begin, end)))
    assert len(result) == abs((end - begin).days) + 1 == len(set(result))
    assert list(result) == sorted(result)


@pytest.mark.parametrize(("asked", "problem"), [
    ("2026-11-31", "received '2026-11-31', expected a day"),
    ("20261101", "received '20261101', expected a day"),
    ("2026-W45-1", "received '2026-W45-1', expected a day"),
    ("yesterday", "received 'yesterday', expected a day"),
    ("", "received '', expected a day"),
    ("2026-11-01..", "received '', expected a day"),
    ("2026-11-01,", "received '', expected a day"),
    ("2026-11-01...2026-11-02", "received '.2026-11-02', expected a day"),
    ("2026-11-03..2026-11-01", "'2026-11-03..2026-11-01' ends before it starts"),
])
def test_what_isn_t_a_day_is_refused_with_an_example(asked: str, problem: str) -> None:
    with pytest.raises(ConfigError) as caught:
        days(asked)
    assert caught.value.problems[0].where == "--dates"
    assert caught.value.problems[0].problem == problem
    assert caught.value.problems[0].hint
