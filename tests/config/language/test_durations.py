"""Durations as text."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from laketrain.config.language.durations import UNITS, Duration

DURATION: TypeAdapter[timedelta] = TypeAdapter(Duration)


@pytest.mark.parametrize(("text", "expected"), [
    ("90 s", timedelta(seconds=90)), ("5 minutes", timedelta(minutes=5)), ("1.5 hours", timedelta(hours=1.5)),
    ("2days", timedelta(days=2)), (" 1 Week ", timedelta(weeks=1)), ("10 ms", timedelta(milliseconds=10))])
def test_a_number_and_a_unit_are_a_duration(text: str, expected: timedelta) -> None:
    assert DURATION.validate_python(text) == expected


@pytest.mark.parametrize("text", ["90", "s", "-5 s", "5 months", "1e3 s", "5 s 3", "9999999999 weeks"])
def test_other_texts_are_refused(text: str) -> None:
    with pytest.raises(ValidationError):
        DURATION.validate_python(text)


@given(st.integers(0, 10**6), st.sampled_from(list(UNITS)))
def test_a_saved_duration_is_read_back(number: int, unit: str) -> None:
    duration = DURATION.validate_python(f"{number} {unit}") if number * UNITS[unit] < 8.64e10 else timedelta(1)
    assert DURATION.validate_python(DURATION.dump_python(duration)) == duration
