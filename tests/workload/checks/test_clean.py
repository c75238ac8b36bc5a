"""Columns of clean rules are checked against the schema of the source."""

from __future__ import annotations

from collections.abc import Callable

from laketrain.errors import Problem


def test_a_rule_of_a_missing_column_is_refused(digits: str, problems: Callable[..., list[Problem]]) -> None:
    [problem] = problems(digits.replace("column: captured_at, to: timestamp", "column: captured, to: timestamp"))
    assert problem.path[:4] == ("clean", "captures", "rules", 3)
    assert "'captured_at'" in problem.hint


def test_a_table_without_a_source_is_refused(digits: str, problems: Callable[..., list[Problem]]) -> None:
    [problem] = problems(digits.replace("  unlabelled: *digits", "  unlabelled: *digits\n  other: {}"))
    assert problem.path == ("clean", "other")
