"""Checks that laketrain supports the lake's storage, without connecting to it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from laketrain.errors import LakeError, Problem
from laketrain.lake import Lake

if TYPE_CHECKING:
    from laketrain.workload.workload import Workload


def problems(workload: Workload) -> Iterator[Problem]:
    """Checks the lake's path or URL."""
    try:
        Lake(workload.lake)
    except LakeError as error:
        yield Problem.at(("lake",), error.problem, error.hint)
