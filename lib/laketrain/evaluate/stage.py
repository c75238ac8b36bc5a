"""Evaluation as the driver sees it: ranks score a split, the parts are merged, the result is committed.

    version = evaluate(spark, dataset, model, "mnist", config, ranks=2, key=key)
    check_gate(config.gate, version.entry.meta["metrics"], model.ref)
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from laketrain.config.evaluate import FIGURES, Evaluate
from laketrain.distributed import launch
from laketrain.errors import DataError
from laketrain.evaluate.baselines import Baselines
from laketrain.evaluate.notices import notices_of
from laketrain.evaluate.rows import rows_that_count
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
    mistakes, baselines and what its kind has beside (`laketrain.evaluate.sections`), and `warnings`: what should be
    known before the figures are believed (`laketrain.evaluate.notices`), in the entry's `meta`. The gate is the
    caller's to check.

    Raises DataError where there is no target, where no row has a weight above 0, or where the model was trained on
    another dataset.
    """
    started = time.monotonic()
    _require_parent(dataset, model)
    opened = Dataset(dataset)
    rows = _rows(opened, config.split)
    baselines = Baselines(opened, "train")
    learnt = {target: baselines.of(target, config.baselines) for target in opened.features.targets}
    task = ScoreTask(dataset.lake.url, dataset.ref, model.ref, config.split, BATCH, config.worst, learnt)
    with dataset.lake.table("runs", f"{name}-evaluation").stage() as draft:
        found = sections_of(opened.features, launch(spark, partial(score, task), ranks, name="evaluate"), config.worst)
        for section in found.values():
            section.update(_beside(section, baselines, config.split))
        warnings = notices_of(dataset, model.entry.meta.get("config", {}).get("split", "train"), config.split, found)
        return draft.commit(
            stage="evaluate", fingerprint=key, meta=as_meta(found, config.split, warnings),
            parents={dataset.table: dataset.number, model.table: model.number},
            counts={"rows": rows, **_weighed(found)}, seconds=time.monotonic() - started,
        )


def _require_parent(dataset: Version, model: Version) -> None:
    """Of a dataset that the model was not trained on, classes, words and scales have other numbers than it knows."""
    if model.entry.parents.get(dataset.table) != dataset.number:
        known = ", ".join(f"{table}@{number}" for table, number in model.entry.parents.items()) or "nothing"
        raise DataError("evaluate", dataset.ref, f"is not what {model.ref} was trained on: received a model made from "
                        f"{known}, expected one made from {dataset.ref}",
                        "measure the model on its own dataset, or train one on this")


def _rows(dataset: Dataset, split: str) -> int:
    """Of the split, when all its targets can be measured, on some row."""
    rows = dataset.rows(split)
    if not tallies_of(dataset.features, rows, worst=0):
        raise DataError("evaluate", dataset.version.ref, "has no target, so there is nothing to measure",
                        "declare one in 'convert.features', e.g. label: {kind: label, classes: 10}")
    rows_that_count(dataset, split, most=1)
    return rows


def _beside(section: dict[str, Any], baselines: Baselines, split: str) -> dict[str, Any]:
    """Which metric the baselines' figures are, on how many rows they were learnt, and that they were measured on the
    rows of the model."""
    rows = {baselines.train: baselines.rows, split: section["rows"]} if section["baselines"] else {}
    return {"figure": FIGURES[section["kind"]], "baseline_rows": rows}


def _weighed(found: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
    """The summed weight of the rows, and how many have weight 0; nothing where rows have no weights."""
    section = next(iter(found.values()))
    return {key: section[key] for key in ("weight", "masked") if key in section}
