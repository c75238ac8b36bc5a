"""Evaluation on the driver: ranks score a split, their parts are merged, and the result is committed.

    version = evaluate(spark, dataset, model, "mnist", config, ranks=2, key=key)
    check_gate(config.gate, EvaluationManifest.of(version).metrics, model.ref)
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from laketrain.config.evaluate import Evaluate
from laketrain.distributed import launch
from laketrain.errors import DataError
from laketrain.evaluate.baselines import Baselines
from laketrain.evaluate.merge import accumulators_of, merge_parts
from laketrain.evaluate.notices import notices_of
from laketrain.evaluate.rows import rows_that_count
from laketrain.evaluate.score import ScoreTask, score
from laketrain.feed.dataset import Dataset
from laketrain.lake import Version, fingerprint
from laketrain.lake.manifests import EvaluationManifest, ModelManifest
from laketrain.tasks import Output, read_outputs, task_of_section

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

REVISION = 5
BATCH = 512


def fingerprint_evaluate(dataset: Version, model: Version, config: Evaluate) -> str:
    """The fingerprint of an evaluation, without the gate, which is checked on every run and changes no metric."""
    return fingerprint("evaluate", REVISION, config.model_dump(mode="json", exclude={"gate"}), [dataset, model])


def evaluate(spark: SparkSession, dataset: Version, model: Version, name: str, config: Evaluate, ranks: int,
             key: str) -> Version:
    """Scores `config.split` with `ranks` ranks and commits `runs/<name>-evaluation`. Its manifest has for each target
    metrics, worst mistakes, baselines and what its task adds, and `warnings` about the metrics
    (`laketrain.evaluate.notices`). The caller checks the gate.

    Raises DataError if there is no target, if no row has a weight above 0, or if the model was trained on another
    dataset.
    """
    started = time.monotonic()
    _require_parent(dataset, model)
    opened = Dataset(dataset)
    trained = ModelManifest.of(model)
    outputs = read_outputs(trained.outputs, opened.features)
    rows = _rows(opened, config.split, outputs)
    baselines = Baselines(opened, "train", outputs)
    fitted = {output: baselines.of(output, config.baselines) for output in outputs}
    task = ScoreTask(dataset.lake.url, dataset.ref, model.ref, config.split, BATCH, config.worst, fitted, outputs)
    with dataset.lake.table("runs", f"{name}-evaluation").stage() as draft:
        parts = launch(spark, partial(score, task), ranks, name="evaluate",
                       backend=trained.config.get("backend", "auto"))
        sections = merge_parts(outputs, parts, config.worst, opened.features.weight is not None)
        for section in sections.values():
            section.update(_baseline_facts(section, baselines, config.split))
        warnings = notices_of(dataset, trained.config.get("split", "train"), config.split, sections)
        manifest = EvaluationManifest(split=config.split, warnings=warnings, sections=sections)
        return draft.commit(
            stage="evaluate", fingerprint=key, meta=manifest.to_meta(),
            parents={dataset.table: dataset.number, model.table: model.number},
            counts={"rows": rows, **_weight_counts(sections)}, seconds=time.monotonic() - started,
        )


def _require_parent(dataset: Version, model: Version) -> None:
    """Raises DataError if the model was trained on another dataset, whose classes and scales may differ."""
    if model.entry.parents.get(dataset.table) != dataset.number:
        parents = ", ".join(f"{table}@{number}" for table, number in model.entry.parents.items()) or "nothing"
        raise DataError("evaluate", dataset.ref, f"is not what {model.ref} was trained on: received a model made from "
                        f"{parents}, expected one made from {dataset.ref}",
                        "measure the model on its own dataset, or train one on this")


def _rows(dataset: Dataset, split: str, outputs: Mapping[str, Output]) -> int:
    """The number of rows in the split. Raises DataError if they can't be evaluated."""
    rows = dataset.rows(split)
    if not accumulators_of(outputs, rows, worst=0):
        raise DataError("evaluate", dataset.version.ref, "has no target, so there is nothing to measure",
                        "declare one in 'convert.features', e.g. label: {kind: label, classes: 10}")
    rows_that_count(dataset, split, most=1)
    return rows


def _baseline_facts(section: Mapping[str, Any], baselines: Baselines, split: str) -> dict[str, Any]:
    """The metric that compares the baselines, and the numbers of rows on which they were fitted and measured."""
    rows = {baselines.train: baselines.rows, split: section["rows"]} if section["baselines"] else {}
    return {"figure": task_of_section(section).headline.metric, "baseline_rows": rows}


def _weight_counts(sections: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
    """The sum of the rows' weights and how many have weight 0; empty if rows have no weights."""
    section = next(iter(sections.values()))
    return {key: section[key] for key in ("weight", "masked") if key in section}
