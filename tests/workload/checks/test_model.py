"""The model fits the features."""

from __future__ import annotations

from collections.abc import Callable

from laketrain.errors import Problem


def test_a_kernel_larger_than_the_image_is_refused(digits: str, problems: Callable[..., list[Problem]]) -> None:
    [problem] = problems(digits.replace("kernel: 5", "kernel: 29"))
    assert problem.path == ("train", "model")


def test_a_model_for_other_inputs_is_refused(digits: str, problems: Callable[..., list[Problem]]) -> None:
    [problem] = problems(digits.replace("{name: cnn, filters: 32, kernel: 5, dense: 128}", "{name: rnn}"))
    assert problem.path == ("train", "model")
