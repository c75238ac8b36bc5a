"""Convert reads a table that exists, with the columns that it names."""

from __future__ import annotations

from collections.abc import Callable

from laketrain.errors import Problem


def test_an_unknown_table_is_refused(digits: str, problems: Callable[..., list[Problem]]) -> None:
    [problem] = problems(digits.replace("convert:\n  table: digits", "convert:\n  table: digit"))
    assert problem.path == ("convert", "table")


def test_an_unknown_column_of_the_split_is_refused(digits: str, problems: Callable[..., list[Problem]]) -> None:
    [problem] = problems(digits.replace("split: {by: digit_id", "split: {by: digit"))
    assert problem.path == ("convert", "split", "by")
