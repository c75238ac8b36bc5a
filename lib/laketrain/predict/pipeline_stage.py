"""The stage `predict` of a pipeline."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from laketrain.stages import RunContext, Stage, Work

if TYPE_CHECKING:
    from laketrain.workload import Workload


class PredictStage(Stage):
    """From a table and the model to `predictions/`."""

    name = "predict"
    help = "Score new data with the committed model."
    zone = "predictions"

    def tables(self, workload: Workload) -> Sequence[str]:
        assert workload.predict is not None
        return [workload.predict.name or workload.predict.table]

    def plan(self, run: RunContext, name: str) -> Work:
        from laketrain.predict.stage import fingerprint_predict, predict

        assert run.workload.predict is not None
        # The fingerprint contains the model version itself, so how the workload refers to it makes no difference.
        ref, config = run.workload.predict.model, run.workload.predict.model_copy(update={"model": None})
        table = run.table(config.table)
        model = run.lake.version(ref) if ref else run.input("models", run.workload.name)
        key = fingerprint_predict(table, model, config)
        before = None if run.force or not config.only_new else run.lake.table("predictions", name).latest()
        return Work(key, lambda: predict(run.spark, table, model, name, config, key, before), [table, model])
