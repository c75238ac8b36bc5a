"""The gate names metrics of the targets."""

from __future__ import annotations

from collections.abc import Callable

from laketrain.errors import Problem


def test_a_metric_of_another_kind_of_target_is_refused(digits: str, problems: Callable[..., list[Problem]]) -> None:
    [problem] = problems(digits.replace('accuracy: ">= 0.95"', 'mae: "< 1"'))
    assert problem.path == ("evaluate", "gate", "mae")
    assert problems(digits.replace('accuracy: ">= 0.95"', 'label.macro_f1: ">= 0.9"')) == []
