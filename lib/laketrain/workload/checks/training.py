"""Checks of the section `train` against the features: what doesn't fit the targets, and what would change nothing.

    for problem in problems(train, features): print(problem)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from laketrain.errors import Problem
from laketrain.features import FeatureSet
from laketrain.workload.checks import targets, unused

if TYPE_CHECKING:
    from laketrain.workload.train import Train


def problems(config: Train, features: FeatureSet) -> list[Problem]:
    """One problem a key; paths begin below the section."""
    found: dict[tuple[str | int, ...], Problem] = {}
    for problem in (*targets.problems(config, config.model.tasks(features)), *unused.problems(config, features)):
        found.setdefault(problem.path, problem)
    return list(found.values())
