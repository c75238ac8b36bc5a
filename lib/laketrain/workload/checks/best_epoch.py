"""Checks that a workload that asks for the best epoch has a validation split to find it by."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from laketrain.errors import Problem

if TYPE_CHECKING:
    from laketrain.workload.workload import Workload


def problems(workload: Workload) -> Iterator[Problem]:
    """Of `restore_best: true` where it is written. The default is accepted: it then has no effect."""
    train = workload.train
    if train is None or train.validation is not None:
        return
    if train.restore_best and "restore_best" in train.model_fields_set:
        yield Problem.at(("train", "restore_best"), "the best epoch is known by a validation split, and there is none",
                         "Name one in 'train.validation', or write restore_best: false")
