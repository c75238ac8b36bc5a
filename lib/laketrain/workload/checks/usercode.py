"""Checks that the user's own functions exist."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from laketrain.errors import Problem
from laketrain.usercode.lookup import call_problem

if TYPE_CHECKING:
    from laketrain.workload.workload import Workload


def problems(workload: Workload) -> Iterator[Problem]:
    """Checks the functions that `train` names, except the model's, without running any of their code."""
    for call, key in workload.train.calls.items() if workload.train else ():
        if (problem := call_problem(call)) is not None:
            yield problem.below("train", key)
