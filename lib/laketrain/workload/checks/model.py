"""Checks that the model accepts the features, as far as the config determines."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from laketrain.errors import Problem
from laketrain.workload.checks.texts import sentence

if TYPE_CHECKING:
    from laketrain.workload.workload import Workload


def problems(workload: Workload) -> Iterator[Problem]:
    """The problems of a built-in model, or of the function that builds the user's model."""
    train, features = workload.train, workload.features
    if train is None or features is None or not features.inputs or not workload.outputs:
        return
    for problem in train.model.problems(features):
        yield Problem.at(("train", "model"), f"model {train.model.name!r} {problem.problem}", sentence(problem.hint))
