"""Checks that the model takes the features, as far as that is clear before anything is learnt."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from laketrain.errors import Problem
from laketrain.workload.checks.words import sentence

if TYPE_CHECKING:
    from laketrain.workload.workload import Workload


def problems(workload: Workload) -> Iterator[Problem]:
    """Of a model of the zoo, and of the function of a model of the user's own."""
    train, features = workload.train, workload.features
    if train is None or features is None or not features.inputs or not workload.outputs:
        return
    for problem in train.model.problems(features):
        yield Problem.at(("train", "model"), f"model {train.model.name!r} {problem.problem}", sentence(problem.hint))
