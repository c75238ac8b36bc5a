"""Evaluation as the driver sees it: ranks score a split, the parts are merged, the result is committed.

    version = evaluate(spark, dataset, model, "mnist", config, ranks=2, key=key)
    check_gate(config.gate, version.entry.meta["metrics"], model.ref)
"""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING, Any

from laketrain.config.train import Evaluate
from laketrain.distributed import launch
from laketrain.errors import DataError
from laketrain.evaluate.baselines import BASELINES
from laketrain.evaluate.metrics import summarise
from laketrain.evaluate.score import ScoreTask, merge, score
from laketrain.features import Label
from laketrain.feed.dataset import Dataset
from laketrain.lake import Version, fingerprint

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

REVISION = 1
BATCH = 512


def fingerprint_evaluate(dataset: Version, model: Version, config: Evaluate) -> str:
    """Of evaluating `model` on `dataset` so; the gate is checked each time and changes nothing that is computed."""
    return fingerprint("evaluate", REVISION, config.model_dump(mode="json", exclude={"gate"}), [dataset, model])


def evaluate(spark: SparkSession, dataset: Version, model: Version, name: str, config: Evaluate, ranks: int,
             key: str) -> Version:
    """Scores `config.split` with `ranks` ranks and commits `runs/<name>-evaluation`: metrics, confusion matrix, worst
    mistakes and baselines, in the entry's `meta`. The gate is the caller's to check."""
    started = time.monotonic()
    opened = Dataset(dataset)
    label = _label(opened)
    task = ScoreTask(dataset.lake.url, dataset.ref, model.ref, config.split, BATCH, config.worst)
    with dataset.lake.table("runs", f"{name}-evaluation").stage() as draft:
        merged = merge(launch(spark, partial(score, task), ranks, name="evaluate"), config.worst)
        metrics = {**summarise(merged["confusion"], label.labels), "loss": merged["loss"]}
        baselines = {baseline: BASELINES[baseline](opened, "train", config.split) for baseline in config.baselines}
        meta: dict[str, Any] = {
            "split": config.split, "metrics": metrics, "confusion": merged["confusion"].tolist(),
            "labels": list(label.labels), "mistakes": merged["mistakes"], "baselines": baselines,
        }
        return draft.commit(
            stage="evaluate", fingerprint=key, meta=meta,
            parents={dataset.table: dataset.number, model.table: model.number},
            counts={"rows": int(merged["confusion"].sum())}, seconds=time.monotonic() - started,
        )


def _label(dataset: Dataset) -> Label:
    labels = [feature for feature in dataset.features.targets.values() if isinstance(feature, Label)]
    if len(labels) != 1:
        raise DataError("evaluate", dataset.version.ref, f"has {len(labels)} label features, expected one",
                        "declare one feature of kind label with role target")
    return labels[0]
