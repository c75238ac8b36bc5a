"""Stages name splits of the dataset, and need the stages before them."""

from __future__ import annotations

from collections.abc import Callable

from laketrain.errors import Problem


def test_an_unknown_split_is_refused(digits: str, problems: Callable[..., list[Problem]]) -> None:
    [problem] = problems(digits.replace("split: test\n", "split: tests\n"))
    assert problem.path == ("evaluate", "split")


def test_stages_without_a_training_are_refused(digits: str, problems: Callable[..., list[Problem]]) -> None:
    start, end = digits.index("train:\n"), digits.index("evaluate:\n")
    paths = [problem.path for problem in problems(digits[:start] + digits[end:])]
    assert paths == [("evaluate",), ("predict",)]
