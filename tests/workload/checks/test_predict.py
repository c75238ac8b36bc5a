"""Predict reads a table that exists and has the columns of the model."""

from __future__ import annotations

from collections.abc import Callable

from laketrain.errors import Problem


def test_an_unknown_table_is_refused(digits: str, problems: Callable[..., list[Problem]]) -> None:
    [problem] = problems(digits.replace("predict:\n  table: unlabelled", "predict:\n  table: unlabeled"))
    assert problem.path == ("predict", "table")


def test_a_table_without_the_columns_of_the_model_is_refused(
        digits: str, problems: Callable[..., list[Problem]]) -> None:
    [problem] = problems(digits.replace("predict:\n  table: unlabelled", "predict:\n  table: captures"))
    assert problem.path == ("predict", "table")
    assert "'pixels'" in problem.problem


def test_an_unknown_column_to_keep_is_refused(digits: str, problems: Callable[..., list[Problem]]) -> None:
    [problem] = problems(digits.replace("predict:\n", "predict:\n  keep: [digit]\n"))
    assert problem.path == ("predict", "keep", 0)
