"""Checks that no two stages share a quarantine table."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from laketrain.errors import Problem
from laketrain.lake.quarantine import quarantine_name

if TYPE_CHECKING:
    from laketrain.workload.workload import Workload


def problems(workload: Workload) -> Iterator[Problem]:
    """A quarantine has the name of its table and, except for clean tables, a suffix for its stage."""
    others = {quarantine_name("integrated", name): f"the integrated table {name!r}" for name in workload.integrate}
    if workload.convert is not None:
        others[quarantine_name("features", workload.dataset)] = f"the dataset {workload.dataset!r}"
    if workload.predict is not None:
        name = workload.predict.name or workload.predict.table
        others[quarantine_name("predictions", name)] = f"the predictions {name!r}"
    for name in workload.clean:
        if name in others:
            yield Problem.at(("clean", name), f"would share the quarantine/{name} of {others[name]}",
                             "Give the clean table another name")
