"""The evaluation of several labels: hits and misses of each label, rows that are entirely right, and the metrics.

    accumulator = MultilabelAccumulator(feature, worst=24)
    accumulator.add(rows, truth, probabilities, weights)
    section = merge_multilabels(feature, [accumulator.part()], worst=24)
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from laketrain.features import Multilabel
from laketrain.tasks.accumulator import Accumulator, Floats, Ints, as_lists, counted, worst_of
from laketrain.tasks.class_scores import SMALLEST, binary_scores, by_class, macro_means, undefined

THRESHOLD = 0.5
"""The smallest probability with which a label is predicted."""


class MultilabelAccumulator(Accumulator):
    """Sums over a rank's rows, from (n, labels) zeros and ones and (n, labels) probabilities."""

    def __init__(self, feature: Multilabel, worst: int) -> None:
        super().__init__()
        # By label: both, predicted alone, true alone, neither.
        self._counts = np.zeros((len(feature.names), 4))
        self._having = np.zeros((len(feature.names), 2), np.int64)
        self._right = 0.0
        self._loss, self._worst, self._mistakes = 0.0, worst, list[dict[str, Any]]()

    def _add(self, rows: Ints, truth: npt.NDArray[Any], outputs: npt.NDArray[Any], weights: Floats) -> None:
        true, predicted = truth.astype(bool), outputs >= THRESHOLD
        cells = (true & predicted, ~true & predicted, true & ~predicted, ~true & ~predicted)
        for index, cell in enumerate(cells):
            self._counts[:, index] += weights @ cell
        self._having += np.stack([true.sum(axis=0), predicted.sum(axis=0)], axis=1)
        wrong = (true != predicted).any(axis=1)
        self._right += float(weights[~wrong].sum())
        of_truth = np.where(true, outputs, 1.0 - outputs).astype(np.float64)
        losses = -np.log(np.maximum(of_truth, SMALLEST)).mean(axis=1)
        self._loss += float(losses @ weights)
        self._mistakes = worst_of([*self._mistakes, *(
            {"row": int(rows[i]), "true": np.flatnonzero(true[i]).tolist(),
             "predicted": np.flatnonzero(predicted[i]).tolist(), "loss": float(losses[i])}
            for i in np.flatnonzero(wrong))], self._worst, "loss")

    def _part(self) -> dict[str, Any]:
        """counts (labels, 4), weights; having (labels, 2), rows with a label and rows predicted to have it; right, the
        weight of rows that are entirely right; loss, summed binary crossentropy; mistakes, the worst rows."""
        return {"counts": self._counts.tolist(), "having": self._having.tolist(), "right": self._right,
                "loss": self._loss, "mistakes": self._mistakes}


def merge_multilabels(feature: Multilabel, parts: Sequence[dict[str, Any]], worst: int,
                      weighted: bool = False) -> dict[str, Any]:
    """The section of an evaluation from the parts of all ranks: `metrics`, `labels`, and the `worst` rows with the
    indices of their labels."""
    counts = np.array([part["counts"] for part in parts], np.float64).sum(axis=0)
    having = np.array([part["having"] for part in parts], np.int64).sum(axis=0)
    true, predicted = counts[:, 0] + counts[:, 2], counts[:, 0] + counts[:, 1]
    scores = by_class(feature.names, np.array([binary_scores(cells) for cells in counts]), true, predicted)
    labels = [{**score, "rows": int(having[index, 0]), "predicted": int(having[index, 1]),
               **({"weight": float(true[index])} if weighted else {})} for index, score in enumerate(scores)]
    weight = sum(part["weight"] for part in parts) or 1.0
    metrics = {"micro_f1": binary_scores(counts.sum(axis=0))[2], **macro_means(scores),
               "subset_accuracy": sum(part["right"] for part in parts) / weight, "classes": labels,
               "loss": sum(part["loss"] for part in parts) / weight}
    return {**counted(parts, weighted), "metrics": metrics, "labels": list(feature.names),
            "counts": as_lists(counts, weighted), "undefined": undefined(feature.names, true, predicted),
            "worst": worst_of([row for part in parts for row in part["mistakes"]], worst, "loss")}
