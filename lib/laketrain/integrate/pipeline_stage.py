"""The stage `integrate` of a pipeline."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import takewhile
from typing import TYPE_CHECKING

from laketrain.stages import RunContext, Stage, Work

if TYPE_CHECKING:
    from laketrain.workload import Workload


class IntegrateStage(Stage):
    """Makes the tables of `integrated/` from those of `clean/`, one for each entry of `integrate`."""

    name = "integrate"
    help = "Join the clean tables."
    zone = "integrated"

    def tables(self, workload: Workload) -> Sequence[str]:
        return list(workload.integrate)

    def plan(self, run: RunContext, name: str) -> Work:
        from laketrain.integrate.stage import fingerprint_integrate, integrate

        config = run.workload.integrate[name]
        # Tables declared above are read from integrated/, all others from clean/, also one of the same name.
        above = set(takewhile(lambda other: other != name, run.workload.integrate))
        tables = {table: run.input("integrated" if table in above else "clean", table) for table in config.tables}
        key = fingerprint_integrate(tables, config)
        return Work(key, lambda: integrate(run.spark, tables, name, config, key), list(tables.values()))
