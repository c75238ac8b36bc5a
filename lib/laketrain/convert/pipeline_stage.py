"""The stage `convert` of a pipeline."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from laketrain.stages import RunContext, Stage, Work

if TYPE_CHECKING:
    from laketrain.workload import Workload


class ConvertStage(Stage):
    """Makes the dataset in `features/` from a table."""

    name = "convert"
    help = "Make the Petastorm dataset."
    zone = "features"

    def tables(self, workload: Workload) -> Sequence[str]:
        return [workload.dataset]

    def plan(self, run: RunContext, name: str) -> Work:
        from laketrain.convert.stage import convert, fingerprint_convert

        config = run.workload.convert
        assert config is not None
        table = run.table(config.table)
        key = fingerprint_convert(table, config)
        return Work(key, lambda: convert(run.spark, table, name, config, key), [table])
