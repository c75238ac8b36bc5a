"""What must hold within a workload beyond the types of its settings: a file a subject, each with one `problems`.

    for problem in sections(workload): print(problem)

A problem's path leads to the setting where it is best mended.
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


def sections(workload: Workload) -> Iterator[Problem]:
    """Contradictions between sections: every name that is used exists, and the numbers fit together."""
    columns = Columns(workload)
    for check in (clean, integrate, convert, features, predict):
        yield from check.problems(workload, columns)
    for other in (splits, ranks, quarantines, stages):
        yield from other.problems(workload)


def fits(workload: Workload) -> Iterator[Problem]:
    """What doesn't fit the features, of a workload whose sections fit together."""
    yield from predict.unfit(workload, Columns(workload))
    for check in (model, gate, augment, usercode, best_epoch):
        yield from check.problems(workload)
    train, declared = workload.train, workload.features
    if train is not None and declared is not None and declared.inputs and workload.outputs:
        yield from (problem.below("train") for problem in training.problems(train, declared))
    yield from lake.problems(workload)
