"""The stage `integrate` of a pipeline."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import takewhile
from typing import TYPE_CHECKING

from laketrain.stages import RunContext, Stage, Work

if TYPE_CHECKING:
    from laketrain.workload import Workload


class IntegrateStage(Stage):
    """From `clean/` to `integrated/`: a table for each section of `integrate`."""

    name = "integrate"
    help = "Join the clean tables."
    zone = "integrated"

    def tables(self, workload: Workload) -> Sequence[str]:
        return list(workload.integrate)

    def plan(self, run: RunContext, name: str) -> Work:
        from laketrain.integrate.stage import fingerprint_integrate, integrate

        config = run.workload.integrate[name]
        # A table declared above is read as it was integrated, any other, also one of its own name, as it was cleaned.
        above = set(takewhile(lambda other: other != name, run.workload.integrate))
        tables = {table: run.input("integrated" if table in above else "clean", table) for table in config.tables}
        key = fingerprint_integrate(tables, config)
        return Work(key, lambda: integrate(run.spark, tables, name, config, key), list(tables.values()))
