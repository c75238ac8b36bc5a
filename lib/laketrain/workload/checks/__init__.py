"""Checks of a workload beyond the types of its settings. Each module has one function `problems`.

    for problem in section_problems(workload): print(problem)

A problem's path is that of the setting to change.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from laketrain.errors import Problem
from laketrain.workload.checks import (
    augment,
    best_epoch,
    clean,
    convert,
    features,
    gate,
    integrate,
    lake,
    model,
    predict,
    quarantines,
    ranks,
    splits,
    stages,
    training,
    usercode,
)
from laketrain.workload.columns import Columns

if TYPE_CHECKING:
    from laketrain.workload.workload import Workload


def section_problems(workload: Workload) -> Iterator[Problem]:
    """Checks sections against each other: names that are used must exist, and numbers must fit together."""
    columns = Columns(workload)
    for check in (clean, integrate, convert, features, predict):
        yield from check.problems(workload, columns)
    for other in (splits, ranks, quarantines, stages):
        yield from other.problems(workload)


def feature_problems(workload: Workload) -> Iterator[Problem]:
    """Checks what depends on the features. Call it only if `section_problems` reports nothing."""
    yield from predict.feature_problems(workload, Columns(workload))
    for check in (model, gate, augment, usercode, best_epoch):
        yield from check.problems(workload)
    train, declared = workload.train, workload.features
    if train is not None and declared is not None and declared.inputs and workload.outputs:
        yield from (problem.below("train") for problem in training.problems(train, declared))
    yield from lake.problems(workload)
