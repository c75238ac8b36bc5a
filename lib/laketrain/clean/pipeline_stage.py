"""The stage `clean` of a pipeline."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from laketrain.stages import RunContext, Stage, Work

if TYPE_CHECKING:
    from laketrain.workload import Workload


class CleanStage(Stage):
    """From `raw/` to `clean/`: a table for each key of `clean`."""

    name = "clean"
    help = "Apply the rules; what breaks one goes to quarantine/."
    zone = "clean"

    def tables(self, workload: Workload) -> Sequence[str]:
        return list(workload.clean)

    def plan(self, run: RunContext, name: str) -> Work:
        from laketrain.clean.stage import clean, fingerprint_clean

        table = run.workload.clean[name]
        origin = table.source or name
        source, raw = run.workload.sources[origin], run.input("raw", origin)
        key = fingerprint_clean(raw, table, source)
        return Work(key, lambda: clean(run.spark, raw, name, table, source, key), [raw])
