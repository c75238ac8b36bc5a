"""Features have columns of the table, and some are inputs and targets."""

from __future__ import annotations

from collections.abc import Callable

from laketrain.errors import Problem


def test_a_feature_of_a_missing_column_is_refused(digits: str, problems: Callable[..., list[Problem]]) -> None:
    [problem] = problems(digits.replace("column: label, classes", "column: lable, classes"))
    assert problem.path == ("convert", "features", "label", "column")


def test_a_dataset_without_inputs_is_refused(digits: str, problems: Callable[..., list[Problem]]) -> None:
    without = digits.replace("    image: {kind: image, column: pixels, shape: [28, 28, 1]}\n", "")
    assert ("convert", "features") in [problem.path for problem in problems(without)]
