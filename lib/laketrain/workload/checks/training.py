"""Checks of the section `train` against the features: settings that don't fit the targets, or have no effect.

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
    """At most one problem per key; paths are relative to the section."""
    result: dict[tuple[str | int, ...], Problem] = {}
    for problem in (*targets.problems(config, config.model.tasks(features)), *unused.problems(config, features)):
        result.setdefault(problem.path, problem)
    return list(result.values())
