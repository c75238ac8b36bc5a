"""A rank's part of an evaluation: score its rows, and bring back sums and the worst mistakes, not predictions.

    parts = launch(spark, partial(score, task), ranks=2)
    result = merge(parts, worst=24)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from laketrain.distributed.world import World
from laketrain.feed.dataset import Dataset
from laketrain.imports import import_tensorflow

Report = Callable[[dict[str, Any]], None]
_SMALLEST = 1e-7


@dataclass(frozen=True)
class ScoreTask:
    """What ranks are told: a lake's URL, refs such as `features/mnist@3` and `models/mnist@1`, the split, rows a
    batch, and how many mistakes to bring back."""

    lake: str
    dataset: str
    model: str
    split: str
    batch: int
    worst: int


def score(task: ScoreTask, world: World, report: Report) -> dict[str, Any]:
    """Scores rows r·n/N … (r+1)·n/N of the split.

    Returns:
        confusion: rows by true class, then by predicted class. loss: summed cross-entropy. mistakes: the worst first,
        each {row, true, predicted, probability, loss}.
    """
    import_tensorflow()
    import tensorflow as tf

    from laketrain.lake import Lake
    from laketrain.train.checkpoint import load_model

    dataset = Dataset.at(task.lake, task.dataset)
    [target] = dataset.features.targets
    classes = dataset.features.targets[target].count  # type: ignore[attr-defined]
    lake = Lake(task.lake)
    table, _, number = task.model.partition("@")
    model = load_model(lake.table(*table.split("/")).get(int(number)))
    predict = tf.function(lambda inputs: model(inputs, training=False), reduce_retracing=True)
    confusion, loss, mistakes = np.zeros((classes, classes), np.int64), 0.0, list[dict[str, Any]]()
    rows = dataset.rows(task.split)
    first, end = world.rank * rows // world.size, (world.rank + 1) * rows // world.size
    with dataset.reader(task.split) as reader:
        for start in range(first, end, task.batch):
            numbers = np.arange(start, min(start + task.batch, end))
            arrays = reader.read(numbers)
            probabilities = predict({name: arrays[name] for name in dataset.features.inputs}).numpy()
            losses = _tally(arrays[target], probabilities, confusion)
            loss += float(losses.sum())
            mistakes += _mistakes(numbers, arrays[target], probabilities, losses)
            mistakes = _worst(mistakes, task.worst)
            report({"kind": "rows", "rows": int(numbers[-1]) + 1 - first, "of": end - first})
    return {"confusion": confusion.tolist(), "loss": loss, "mistakes": mistakes}


def merge(parts: Sequence[dict[str, Any]], worst: int) -> dict[str, Any]:
    """The ranks' parts as one: sums added, the worst of all mistakes kept."""
    confusion = np.sum([part["confusion"] for part in parts], axis=0, dtype=np.int64)
    mistakes = _worst([mistake for part in parts for mistake in part["mistakes"]], worst)
    return {"confusion": confusion, "loss": sum(part["loss"] for part in parts) / max(1, int(confusion.sum())),
            "mistakes": mistakes}


def _tally(labels: npt.NDArray[np.int64], probabilities: npt.NDArray[np.float32],
           confusion: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """Adds the rows to `confusion`; each row's cross-entropy, (n,)."""
    np.add.at(confusion, (labels, probabilities.argmax(axis=1)), 1)
    of_truth = probabilities[np.arange(len(labels)), labels].astype(np.float64)
    return -np.log(np.maximum(of_truth, _SMALLEST))


def _mistakes(rows: npt.NDArray[np.int64], labels: npt.NDArray[np.int64], probabilities: npt.NDArray[np.float32],
              losses: npt.NDArray[np.float64]) -> list[dict[str, Any]]:
    predicted = probabilities.argmax(axis=1)
    return [{"row": int(rows[i]), "true": int(labels[i]), "predicted": int(predicted[i]),
             "probability": float(probabilities[i, predicted[i]]), "loss": float(losses[i])}
            for i in np.flatnonzero(predicted != labels)]


def _worst(mistakes: list[dict[str, Any]], count: int) -> list[dict[str, Any]]:
    return sorted(mistakes, key=lambda mistake: (-mistake["loss"], mistake["row"]))[:count]
