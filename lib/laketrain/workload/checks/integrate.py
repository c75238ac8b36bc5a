"""Checks of the integrated tables: the tables that they read exist, and each step suits the columns before it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from laketrain.errors import Problem
from laketrain.workload.checks.texts import unknown

if TYPE_CHECKING:
    from laketrain.workload.columns import Columns
    from laketrain.workload.workload import Workload


def problems(workload: Workload, columns: Columns) -> Iterator[Problem]:
    """Checks every integrated table. A table may read those declared above it."""
    above: list[str] = []
    for name, table in workload.integrate.items():
        path, tables = ("integrate", name), [*above, *workload.clean]
        above.append(name)
        if table.table not in tables:
            yield unknown((*path, "table"), "clean table", table.table, tables)
            continue
        for index, (step, context) in enumerate(columns.steps(name)):
            below = (*path, "steps", index, step.step)
            absent = [other for other in step.reads() if other not in tables]
            key = "table" if "table" in type(step).model_fields else "tables"
            yield from (unknown((*below, key), "clean table", other, tables) for other in absent)
            if not absent:
                yield from (problem.below(*below) for problem in step.problems(context))
