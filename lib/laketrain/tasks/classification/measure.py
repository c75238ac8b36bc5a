"""The evaluation of classes: the confusion matrix, the crossentropy, the worst mistakes, and the metrics from them.

    accumulator = ConfusionAccumulator(feature, worst=24)
    accumulator.add(rows, labels, probabilities, weights)
    section = merge_confusions(feature, [accumulator.part()], worst=24)
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from laketrain.features import Label
from laketrain.tasks.accumulator import Accumulator, Floats, Ints, as_lists, counted, worst_of
from laketrain.tasks.class_scores import SMALLEST, summarise, undefined


class ConfusionAccumulator(Accumulator):
    """Sums over a rank's rows, from (n,) true classes and (n, classes) probabilities."""

    def __init__(self, feature: Label, worst: int) -> None:
        super().__init__()
        self._confusion = np.zeros((feature.count, feature.count))
        self._class_rows, self._wrong = np.zeros(feature.count, np.int64), 0
        self._loss, self._worst, self._mistakes = 0.0, worst, list[dict[str, Any]]()

    def _add(self, rows: Ints, truth: npt.NDArray[Any], outputs: npt.NDArray[Any], weights: Floats) -> None:
        predicted = outputs.argmax(axis=1)
        np.add.at(self._confusion, (truth, predicted), weights)
        self._class_rows += np.bincount(truth, minlength=len(self._class_rows))
        of_truth = outputs[np.arange(len(truth)), truth].astype(np.float64)
        losses = -np.log(np.maximum(of_truth, SMALLEST))
        self._loss += float(losses @ weights)
        wrong = np.flatnonzero(predicted != truth)
        self._wrong += len(wrong)
        self._mistakes = worst_of([*self._mistakes, *(
            {"row": int(rows[i]), "true": int(truth[i]), "predicted": int(predicted[i]),
             "probability": float(outputs[i, predicted[i]]), "loss": float(losses[i])} for i in wrong)],
            self._worst, "loss")

    def _part(self) -> dict[str, Any]:
        """confusion: weights by true class, then by predicted class. class_rows: by true class. wrong: rows. loss:
        summed crossentropy. mistakes: the worst first, each {row, true, predicted, probability, loss}."""
        return {"confusion": self._confusion.tolist(), "class_rows": self._class_rows.tolist(), "wrong": self._wrong,
                "loss": self._loss, "mistakes": self._mistakes}


def merge_confusions(feature: Label, parts: Sequence[dict[str, Any]], worst: int,
                     weighted: bool = False) -> dict[str, Any]:
    """The section of an evaluation from the parts of all ranks: `metrics`, `confusion`, `labels` and `mistakes`. If
    rows are `weighted`, the confusion matrix contains sums of weights."""
    confusion = np.array([part["confusion"] for part in parts], np.float64).sum(axis=0)
    rows = np.array([part["class_rows"] for part in parts], np.int64).sum(axis=0)
    metrics = summarise(confusion, feature.labels)
    weights = confusion.sum(axis=1)
    metrics["classes"] = [{**score, "rows": int(rows[index]),
                           **({"weight": float(weights[index])} if weighted else {})}
                          for index, score in enumerate(metrics["classes"])]
    loss = sum(part["loss"] for part in parts) / (confusion.sum() or 1.0)
    return {**counted(parts, weighted), "metrics": {**metrics, "loss": loss},
            "confusion": as_lists(confusion, weighted), "labels": list(feature.labels),
            "wrong": sum(part["wrong"] for part in parts),
            "undefined": undefined(feature.labels, weights, confusion.sum(axis=0)),
            "mistakes": worst_of([mistake for part in parts for mistake in part["mistakes"]], worst, "loss")}
