"""Which columns each table of a workload has, as far as the config alone can tell.

    columns = Columns(workload); columns.clean("pixels")      # {'digit_id': 'string', 'pixels': 'array<int>'}
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from laketrain.config.clean import after_all
from laketrain.config.integrate import BaseStep, IntegrateTable, Known, StepContext

if TYPE_CHECKING:
    from laketrain.workload.workload import Workload


class Columns:
    """Columns by table. A table that the workload lacks has unknown columns: its absence is reported elsewhere."""

    def __init__(self, workload: Workload) -> None:
        self._workload = workload
        self._integrated: dict[str, Known] = {}
        for name, table in workload.integrate.items():
            # One by one: a table may begin with the clean one of its own name, or read those declared above it.
            self._integrated[name] = None
            found = self._begin(name, table)
            for step, context in self._steps(name, table):
                found = step.after(context)
            self._integrated[name] = found

    def clean(self, name: str) -> Known:
        """Of a clean table; None where the data will tell."""
        table = self._workload.clean.get(name)
        source = self._workload.sources.get(table.source or name) if table else None
        if table is None or source is None or source.columns is None:
            return None
        return after_all(table.rules, dict(source.columns))

    def table(self, name: str) -> Known:
        """Of the integrated table `name` or, where there is none, the clean one."""
        return self._integrated[name] if name in self._workload.integrate else self.clean(name)

    def steps(self, name: str) -> Iterator[tuple[BaseStep, StepContext]]:
        """The steps of integrated table `name`, each with what it finds."""
        return self._steps(name, self._workload.integrate[name])

    def _steps(self, name: str, table: IntegrateTable) -> Iterator[tuple[BaseStep, StepContext]]:
        above = self._above(name)

        def known(other: str) -> Known:
            return self._integrated[other] if other in above else self.clean(other)

        columns = self._begin(name, table)
        for step in table.steps:
            context = StepContext(name, table.table, columns, known)
            yield step, context
            columns = step.after(context)

    def _begin(self, name: str, table: IntegrateTable) -> Known:
        return self._integrated[table.table] if table.table in self._above(name) else self.clean(table.table)

    def _above(self, name: str) -> list[str]:
        names = list(self._workload.integrate)
        return names[:names.index(name)]
