"""Checks the sections of plugins' stages; each stage checks its own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from laketrain.errors import Problem
from laketrain.stages import STAGES

if TYPE_CHECKING:
    from laketrain.workload.workload import Workload


def problems(workload: Workload) -> Iterator[Problem]:
    """The problems that the stages report about their sections."""
    for stage in STAGES.values():
        if stage.section is not None and stage.declared(workload):
            yield from stage.problems(workload)
