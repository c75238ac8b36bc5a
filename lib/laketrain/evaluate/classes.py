"""What is counted of a label's predictions: the confusion matrix, the cross-entropy, the worst mistakes.

    tally = ClassTally(feature, worst=24)
    tally.add(rows, labels, probabilities, weights)
    section = class_section(feature, [tally.part()], worst=24)
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from laketrain.evaluate.metrics import summarise, undefined
from laketrain.evaluate.sums import Floats, Ints, Tally, counted, plain
from laketrain.features import Label

SMALLEST = 1e-7
"""The least probability of which a logarithm is taken."""


class ClassTally(Tally):
    """Sums over a rank's rows, with (n,) true classes and (n, classes) probabilities."""

    def __init__(self, feature: Label, worst: int) -> None:
        super().__init__()
        self._confusion = np.zeros((feature.count, feature.count))
        self._class_rows, self._wrong = np.zeros(feature.count, np.int64), 0
        self._loss, self._worst, self._mistakes = 0.0, worst, list[dict[str, Any]]()

    def _add(self, rows: Ints, truth: npt.NDArray[Any], said: npt.NDArray[Any], weights: Floats) -> None:
        predicted = said.argmax(axis=1)
        np.add.at(self._confusion, (truth, predicted), weights)
        self._class_rows += np.bincount(truth, minlength=len(self._class_rows))
        of_truth = said[np.arange(len(truth)), truth].astype(np.float64)
        losses = -np.log(np.maximum(of_truth, SMALLEST))
        self._loss += float(losses @ weights)
        wrong = np.flatnonzero(predicted != truth)
        self._wrong += len(wrong)
        self._mistakes = worst_of([*self._mistakes, *(
            {"row": int(rows[i]), "true": int(truth[i]), "predicted": int(predicted[i]),
             "probability": float(said[i, predicted[i]]), "loss": float(losses[i])} for i in wrong)],
            self._worst, "loss")

    def _part(self) -> dict[str, Any]:
        """confusion: weights by true class, then by predicted class. class_rows: by true class. wrong: rows. loss:
        summed cross-entropy. mistakes: the worst first, each {row, true, predicted, probability, loss}."""
        return {"confusion": self._confusion.tolist(), "class_rows": self._class_rows.tolist(), "wrong": self._wrong,
                "loss": self._loss, "mistakes": self._mistakes}


def class_section(feature: Label, parts: Sequence[dict[str, Any]], worst: int, weighted: bool = False
                  ) -> dict[str, Any]:
    """The ranks' parts as one: rows, metrics, confusion, labels, mistakes; `weighted` where rows have weights, which
    the confusion matrix then adds up."""
    confusion = np.sum([part["confusion"] for part in parts], axis=0, dtype=np.float64)
    rows = np.sum([part["class_rows"] for part in parts], axis=0, dtype=np.int64)
    found = counted(parts, weighted)
    metrics = summarise(confusion, feature.labels)
    weights = confusion.sum(axis=1)
    metrics["classes"] = [{**one, "rows": int(rows[place]), **({"weight": float(weights[place])} if weighted else {})}
                          for place, one in enumerate(metrics["classes"])]
    loss = sum(part["loss"] for part in parts) / (confusion.sum() or 1.0)
    return {**found, "metrics": {**metrics, "loss": loss}, "confusion": plain(confusion, weighted),
            "labels": list(feature.labels), "wrong": sum(part["wrong"] for part in parts),
            "undefined": undefined(feature.labels, weights, confusion.sum(axis=0)),
            "mistakes": worst_of([mistake for part in parts for mistake in part["mistakes"]], worst, "loss")}


def worst_of(rows: list[dict[str, Any]], count: int, by: str) -> list[dict[str, Any]]:
    """The `count` rows with the largest `by`, the first row first among equals."""
    return sorted(rows, key=lambda row: (-row[by], row["row"]))[:count]
