"""Functions that `train` names can be imported."""

from __future__ import annotations

from collections.abc import Callable

from laketrain.errors import Problem


def test_a_callback_of_a_missing_module_is_refused(digits: str, problems: Callable[..., list[Problem]]) -> None:
    [problem] = problems(digits.replace("  seed: 7", "  seed: 7\n  callbacks: [\"no_such_module:callback\"]"))
    assert problem.path == ("train", "callbacks")
