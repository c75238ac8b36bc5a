"""The stage `evaluate` of a pipeline."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from laketrain.errors import LakeError
from laketrain.stages import RunContext, Stage, Work

if TYPE_CHECKING:
    from laketrain.lake import Version
    from laketrain.workload import Workload


class EvaluateStage(Stage):
    """From the model and its dataset to its metrics in `runs/`."""

    name = "evaluate"
    help = "Measure the model, and hold it to its gate."
    zone = "runs"

    def tables(self, workload: Workload) -> Sequence[str]:
        return [f"{workload.name}-evaluation"]

    def plan(self, run: RunContext, name: str) -> Work:
        from laketrain.evaluate.gate import check_gate
        from laketrain.evaluate.stage import evaluate, fingerprint_evaluate
        from laketrain.lake.manifests import EvaluationManifest
        from laketrain.train.stage import ranks_now

        config, training, workload = run.workload.evaluate, run.workload.train, run.workload.name
        assert config is not None and training is not None
        model = run.input("models", workload)
        dataset = _trained_on(run, model)
        key = fingerprint_evaluate(dataset, model, config)

        def make() -> Version:
            return evaluate(run.spark, dataset, model, workload, config, ranks_now(run.spark, training), key)

        def check(version: Version) -> None:
            check_gate(config.gate, EvaluationManifest.of(version).metrics, f"{model.ref} on {config.split}")

        # The gate is checked for a reused evaluation too: a model below its gate fails on every rerun.
        return Work(key, make, done=check)


def _trained_on(run: RunContext, model: Version) -> Version:
    """The dataset that the model was trained on. Class indices, vocabularies and scales are fitted for each dataset, so
    metrics on another one, even a newer version, would be meaningless."""
    hint = f"train a model: laketrain run {run.workload.source} --from train"
    parent = next((parent for parent in model.entry.parents.items() if parent[0].startswith("features/")), None)
    if parent is None:
        raise LakeError("evaluate", model.ref, "doesn't say on which dataset it was trained, expected one of "
                        "features/ among its parents", hint)
    table, number = parent
    dataset, ref = run.lake.table(*table.split("/")).get_if_exists(number), f"{table}@{number}"
    if dataset is None:
        raise LakeError("evaluate", model.ref, f"was trained on {ref}, which is no longer there, and can't be "
                        "measured on another dataset", hint)
    current = f"features/{run.workload.dataset}"
    newest = run.made(current) or run.lake.table(*current.split("/")).latest()
    # After training in this run, or a note that the model is kept, there is nothing to add.
    if run.made(model.table) is None and newest is not None and newest.ref != ref:
        run.note(f"{model.ref} is measured on {ref}, on which it was trained, and not on {newest.ref}")
    return dataset
