"""Checks that the features suit `train.augment`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from laketrain.errors import Problem
from laketrain.feed.augment.augmenter import problems as augment_problems

if TYPE_CHECKING:
    from laketrain.workload.workload import Workload


def problems(workload: Workload) -> Iterator[Problem]:
    """The problems that the feed reports."""
    augment, features = workload.train.augment if workload.train else None, workload.features
    if augment is not None and features is not None:
        yield from (problem.below("train") for problem in augment_problems(augment, features.inputs, features.targets))
