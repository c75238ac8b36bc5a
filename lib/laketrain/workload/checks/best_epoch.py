"""Checks that a workload with `restore_best: true` has a validation split."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from laketrain.errors import Problem

if TYPE_CHECKING:
    from laketrain.workload.workload import Workload


def problems(workload: Workload) -> Iterator[Problem]:
    """Only an explicit `restore_best: true` is a problem; the default then has no effect."""
    train = workload.train
    if train is None or train.validation is not None:
        return
    if train.restore_best and "restore_best" in train.model_fields_set:
        yield Problem.at(("train", "restore_best"), "needs a validation split to compare epochs, and there is none",
                         "Name one in 'train.validation', or write restore_best: false")
