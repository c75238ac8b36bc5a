"""The columns of each table of a workload, as far as the config determines them.

    columns = Columns(workload); columns.clean("pixels")      # {'digit_id': 'string', 'pixels': 'array<int>'}
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from laketrain.config.clean import Types, after_all
from laketrain.config.integrate import BaseStep, IntegrateTable, StepContext

if TYPE_CHECKING:
    from laketrain.workload.workload import Workload


class Columns:
    """Columns by table. They are None for a table that the workload lacks; other checks report its absence."""

    def __init__(self, workload: Workload) -> None:
        self._workload = workload
        self._integrated: dict[str, Types | None] = {}
        for name, table in workload.integrate.items():
            # In this order: a table may start from the clean table of the same name, or read tables declared above it.
            self._integrated[name] = None
            columns = self._initial(name, table)
            for step, context in self._steps(name, table):
                columns = step.after(context)
            self._integrated[name] = columns

    def clean(self, name: str) -> Types | None:
        """The columns of a clean table; None if they depend on the data."""
        table = self._workload.clean.get(name)
        source = self._workload.sources.get(table.source or name) if table else None
        if table is None or source is None or source.columns is None:
            return None
        return after_all(table.rules, dict(source.columns))

    def table(self, name: str) -> Types | None:
        """The columns of the integrated table `name` or, if there is none of that name, of the clean one."""
        return self._integrated[name] if name in self._workload.integrate else self.clean(name)

    def steps(self, name: str) -> Iterator[tuple[BaseStep, StepContext]]:
        """The steps of the integrated table `name`, each with its context."""
        return self._steps(name, self._workload.integrate[name])

    def _steps(self, name: str, table: IntegrateTable) -> Iterator[tuple[BaseStep, StepContext]]:
        above = self._above(name)

        def types_of(other: str) -> Types | None:
            return self._integrated[other] if other in above else self.clean(other)

        columns = self._initial(name, table)
        for step in table.steps:
            context = StepContext(name, table.table, columns, types_of)
            yield step, context
            columns = step.after(context)

    def _initial(self, name: str, table: IntegrateTable) -> Types | None:
        return self._integrated[table.table] if table.table in self._above(name) else self.clean(table.table)

    def _above(self, name: str) -> list[str]:
        names = list(self._workload.integrate)
        return names[:names.index(name)]
