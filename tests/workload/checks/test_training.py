"""Losses, metrics and other settings of the training fit the targets."""

from __future__ import annotations

from collections.abc import Callable

from laketrain.errors import Problem


def test_each_key_has_at_most_one_problem(digits: str, problems: Callable[..., list[Problem]]) -> None:
    text = digits.replace("  seed: 7", "  seed: 7\n  loss: mse\n  metrics: [mae]")
    paths = [problem.path for problem in problems(text)]
    assert len(paths) == len(set(paths)) == 2
    assert {path[:2] for path in paths} == {("train", "loss"), ("train", "metrics")}
