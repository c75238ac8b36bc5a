"""Steps read tables that are declared above them."""

from __future__ import annotations

from collections.abc import Callable

from laketrain.errors import Problem


def test_a_join_with_an_unknown_table_is_refused(digits: str, problems: Callable[..., list[Problem]]) -> None:
    [problem] = problems(digits.replace("table: captures\n", "table: capture\n"))
    assert problem.path == ("integrate", "digits", "steps", 0, "join", "table")


def test_a_key_of_a_missing_column_is_refused(digits: str, problems: Callable[..., list[Problem]]) -> None:
    paths = [problem.path for problem in problems(digits.replace("on: [digit_id]", "on: [digit]"))]
    assert ("integrate", "digits", "steps", 0, "join", "on") in paths
