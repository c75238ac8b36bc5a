"""`restore_best` needs a validation split."""

from __future__ import annotations

from collections.abc import Callable

from laketrain.errors import Problem


def test_restore_best_without_validation_is_refused(digits: str, problems: Callable[..., list[Problem]]) -> None:
    without = digits.replace("  seed: 7", "  seed: 7\n  validation: null")
    [problem] = problems(without.replace("  seed: 7", "  seed: 7\n  restore_best: true"))
    assert problem.path == ("train", "restore_best")
    assert problems(without) == []
