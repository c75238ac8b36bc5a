"""Evaluation as the driver sees it: ranks score a split, the parts are merged, the result is committed.

    version = evaluate(spark, dataset, model, "mnist", config, ranks=2, key=key)
    check_gate(config.gate, version.entry.meta["metrics"], model.ref)
"""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING, Any

from laketrain.config.evaluate import FIGURES, Evaluate
from laketrain.distributed import launch
from laketrain.errors import DataError
from laketrain.evaluate.baselines import Baselines
from laketrain.evaluate.score import ScoreTask, score
from laketrain.evaluate.sections import as_meta
from laketrain.evaluate.tally import sections_of, tallies_of
from laketrain.feed.dataset import Dataset
from laketrain.lake import Version, fingerprint

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

REVISION = 3
BATCH = 512


def fingerprint_evaluate(dataset: Version, model: Version, config: Evaluate) -> str:
    """Of evaluating `model` on `dataset` so; the gate is checked each time and changes nothing that is computed."""
    return fingerprint("evaluate", REVISION, config.model_dump(mode="json", exclude={"gate"}), [dataset, model])


def evaluate(spark: SparkSession, dataset: Version, model: Version, name: str, config: Evaluate, ranks: int,
             key: str) -> Version:
    """Scores `config.split` with `ranks` ranks and commits `runs/<name>-evaluation`: for each target metrics, worst
    mistakes, baselines and what its kind has beside (`laketrain.evaluate.sections`), in the entry's `meta`. The gate is
    the caller's to check.

    Raises DataError where there is no target, or where the model was trained on another dataset.
    """
    started = time.monotonic()
    _require_parent(dataset, model)
    opened = Dataset(dataset)
    rows = _rows(opened, config.split)
    task = ScoreTask(dataset.lake.url, dataset.ref, model.ref, config.split, BATCH, config.worst)
    with dataset.lake.table("runs", f"{name}-evaluation").stage() as draft:
        parts = launch(spark, partial(score, task), ranks, name="evaluate")
        found = sections_of(opened.features, parts, config.worst)
        baselines = Baselines(opened, "train", config.split)
        for target, section in found.items():
            section.update(_beside(section, target, baselines, config))
        return draft.commit(
            stage="evaluate", fingerprint=key, meta=as_meta(found, config.split),
            parents={dataset.table: dataset.number, model.table: model.number},
            counts={"rows": rows}, seconds=time.monotonic() - started,
        )


def _require_parent(dataset: Version, model: Version) -> None:
    """Of a dataset that the model was not trained on, classes, words and scales have other numbers than it knows."""
    if model.entry.parents.get(dataset.table) != dataset.number:
        known = ", ".join(f"{table}@{number}" for table, number in model.entry.parents.items()) or "nothing"
        raise DataError("evaluate", dataset.ref, f"is not what {model.ref} was trained on: received a model made from "
                        f"{known}, expected one made from {dataset.ref}",
                        "measure the model on its own dataset, or train one on this")


def _rows(dataset: Dataset, split: str) -> int:
    """Of the split, when all its targets can be measured."""
    rows = dataset.rows(split)
    if not tallies_of(dataset.features, rows, worst=0):
        raise DataError("evaluate", dataset.version.ref, "has no target, so there is nothing to measure",
                        "declare one in 'convert.features', e.g. label: {kind: label, classes: 10}")
    return rows


def _beside(section: dict[str, Any], target: str, baselines: Baselines, config: Evaluate) -> dict[str, Any]:
    """The baselines' figures, which metric they are, and how many rows they saw of each split."""
    found = baselines.of(target, config.baselines)
    return {"baselines": found, "figure": FIGURES[section["kind"]], "baseline_rows": baselines.rows if found else {}}
