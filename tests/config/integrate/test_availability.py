"""The time at which a record became known."""

from __future__ import annotations

import pytest

from laketrain.config.integrate.availability import availability_column, availability_problems


@pytest.mark.parametrize(("known_by", "latest_by", "expected"), [
    (None, None, None), ("seen", None, "seen"), (None, "saved", "saved"), ("seen", "saved", "seen"),
    ("none", "saved", None)])
def test_known_by_takes_precedence_and_none_switches_it_off(
        known_by: str | None, latest_by: str | None, expected: str | None) -> None:
    assert availability_column(known_by, latest_by) == expected


@pytest.mark.parametrize(("known_by", "latest_by", "columns", "path"), [
    ("seen", None, {"seen": "timestamp"}, None), ("seen", None, {"saved": "timestamp"}, "known_by"),
    ("seen", None, {"seen": "string"}, "known_by"), (None, "version", {"version": "int"}, "latest_by"),
    (None, "saved", {"saved": "timestamp"}, None), ("none", "version", {"version": "int"}, None),
    ("none", None, {"none": "int"}, "known_by"), ("seen", None, None, None)])
def test_the_column_is_comparable_with_the_time_of_rows(
        known_by: str | None, latest_by: str | None, columns: dict[str, str] | None, path: str | None) -> None:
    problems = list(availability_problems(known_by, latest_by, "at", "timestamp", columns, "column"))
    assert [problem.path for problem in problems] == ([(path,)] if path else [])
