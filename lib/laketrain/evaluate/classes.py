"""What is counted of a label's predictions: the confusion matrix, the cross-entropy, the worst mistakes.

    tally = ClassTally(feature, worst=24)
    tally.add(rows, labels, probabilities)
    section = class_section(feature, [tally.part()], worst=24)
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from laketrain.evaluate.metrics import summarise
from laketrain.features import Label

SMALLEST = 1e-7
"""The least probability of which a logarithm is taken."""


class ClassTally:
    """Sums over a rank's rows."""

    def __init__(self, feature: Label, worst: int) -> None:
        self._confusion = np.zeros((feature.count, feature.count), np.int64)
        self._loss, self._worst, self._mistakes = 0.0, worst, list[dict[str, Any]]()

    def add(self, rows: npt.NDArray[np.int64], labels: npt.NDArray[np.int64],
            probabilities: npt.NDArray[np.float32]) -> None:
        """Rows by their numbers, with (n,) true classes and (n, classes) probabilities."""
        predicted = probabilities.argmax(axis=1)
        np.add.at(self._confusion, (labels, predicted), 1)
        of_truth = probabilities[np.arange(len(labels)), labels].astype(np.float64)
        losses = -np.log(np.maximum(of_truth, SMALLEST))
        self._loss += float(losses.sum())
        self._mistakes = worst_of([*self._mistakes, *(
            {"row": int(rows[i]), "true": int(labels[i]), "predicted": int(predicted[i]),
             "probability": float(probabilities[i, predicted[i]]), "loss": float(losses[i])}
            for i in np.flatnonzero(predicted != labels))], self._worst, "loss")

    def part(self) -> dict[str, Any]:
        """confusion: rows by true class, then by predicted class. loss: summed cross-entropy. mistakes: the worst
        first, each {row, true, predicted, probability, loss}."""
        return {"confusion": self._confusion.tolist(), "loss": self._loss, "mistakes": self._mistakes}


def class_section(feature: Label, parts: Sequence[dict[str, Any]], worst: int) -> dict[str, Any]:
    """The ranks' parts as one: metrics, confusion, labels, mistakes."""
    confusion = np.sum([part["confusion"] for part in parts], axis=0, dtype=np.int64)
    loss = sum(part["loss"] for part in parts) / max(1, int(confusion.sum()))
    return {"metrics": {**summarise(confusion, feature.labels), "loss": loss}, "confusion": confusion.tolist(),
            "labels": list(feature.labels),
            "mistakes": worst_of([mistake for part in parts for mistake in part["mistakes"]], worst, "loss")}


def worst_of(rows: list[dict[str, Any]], count: int, by: str) -> list[dict[str, Any]]:
    """The `count` rows with the largest `by`, the first row first among equals."""
    return sorted(rows, key=lambda row: (-row[by], row["row"]))[:count]
