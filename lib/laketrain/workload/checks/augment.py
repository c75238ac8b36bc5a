"""Checks that images can be seen and mixed as `train.augment` asks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from laketrain.errors import Problem
from laketrain.feed.views import problems as view_problems

if TYPE_CHECKING:
    from laketrain.workload.workload import Workload


def problems(workload: Workload) -> Iterator[Problem]:
    """As the feed asks of the features."""
    augment, features = workload.train.augment if workload.train else None, workload.features
    if augment is not None and features is not None:
        yield from (problem.below("train") for problem in view_problems(augment, features.inputs, features.targets))
