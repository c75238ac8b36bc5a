"""What is counted of a multilabel's predictions: hits and misses of each label, rows that are wholly right.

    tally = SeveralTally(feature, worst=24)
    tally.add(rows, truth, probabilities, weights)
    section = several_section(feature, [tally.part()], worst=24)

A label is predicted where its probability is at least THRESHOLD.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.metrics import precision_recall_fscore_support

from laketrain.config.evaluate import THRESHOLD
from laketrain.evaluate.classes import SMALLEST, worst_of
from laketrain.evaluate.metrics import by_class, macro_means, undefined
from laketrain.evaluate.sums import Floats, Ints, Tally, counted, plain
from laketrain.features import Multilabel


class SeveralTally(Tally):
    """Sums over a rank's rows, with (n, labels) zeros and ones and (n, labels) probabilities."""

    def __init__(self, feature: Multilabel, worst: int) -> None:
        super().__init__()
        # By label: both, predicted alone, true alone, neither.
        self._counts = np.zeros((len(feature.names), 4))
        self._having = np.zeros((len(feature.names), 2), np.int64)
        self._right = 0.0
        self._loss, self._worst, self._mistakes = 0.0, worst, list[dict[str, Any]]()

    def _add(self, rows: Ints, truth: npt.NDArray[Any], said: npt.NDArray[Any], weights: Floats) -> None:
        true, predicted = truth.astype(bool), said >= THRESHOLD
        for place, both in enumerate((true & predicted, ~true & predicted, true & ~predicted, ~true & ~predicted)):
            self._counts[:, place] += weights @ both
        self._having += np.stack([true.sum(axis=0), predicted.sum(axis=0)], axis=1)
        wrong = (true != predicted).any(axis=1)
        self._right += float(weights[~wrong].sum())
        of_truth = np.where(true, said, 1.0 - said).astype(np.float64)
        losses = -np.log(np.maximum(of_truth, SMALLEST)).mean(axis=1)
        self._loss += float(losses @ weights)
        self._mistakes = worst_of([*self._mistakes, *(
            {"row": int(rows[i]), "true": np.flatnonzero(true[i]).tolist(),
             "predicted": np.flatnonzero(predicted[i]).tolist(), "loss": float(losses[i])}
            for i in np.flatnonzero(wrong))], self._worst, "loss")

    def _part(self) -> dict[str, Any]:
        """counts (labels, 4), weights; having (labels, 2), rows with a label and rows predicted to have it; right, the
        weight of rows that are wholly right; loss, summed binary cross-entropy; the worst rows."""
        return {"counts": self._counts.tolist(), "having": self._having.tolist(), "right": self._right,
                "loss": self._loss, "mistakes": self._mistakes}


def several_section(feature: Multilabel, parts: Sequence[dict[str, Any]], worst: int, weighted: bool = False
                    ) -> dict[str, Any]:
    """The ranks' parts as one: rows, metrics, labels, the worst rows with the indices of their labels."""
    counts = np.sum([part["counts"] for part in parts], axis=0, dtype=np.float64)
    having = np.sum([part["having"] for part in parts], axis=0, dtype=np.int64)
    true, predicted = counts[:, 0] + counts[:, 2], counts[:, 0] + counts[:, 1]
    scores = by_class(feature.names, np.array([_scores(one) for one in counts]), true, predicted)
    labels = [{**one, "rows": int(having[place, 0]), "predicted": int(having[place, 1]),
               **({"weight": float(true[place])} if weighted else {})} for place, one in enumerate(scores)]
    weight = sum(part["weight"] for part in parts) or 1.0
    metrics = {"micro_f1": _scores(counts.sum(axis=0))[2], **macro_means(scores),
               "subset_accuracy": sum(part["right"] for part in parts) / weight, "classes": labels,
               "loss": sum(part["loss"] for part in parts) / weight}
    return {**counted(parts, weighted), "metrics": metrics, "labels": list(feature.names),
            "counts": plain(counts, weighted), "undefined": undefined(feature.names, true, predicted),
            "worst": worst_of([row for part in parts for row in part["mistakes"]], worst, "loss")}


def _scores(counts: Floats) -> tuple[float, float, float]:
    """Precision, recall and F1 of the weights of (both, predicted alone, true alone, neither)."""
    found = precision_recall_fscore_support([1, 0, 1, 0], [1, 1, 0, 0], sample_weight=counts, average="binary",
                                            zero_division=0.0)
    return float(found[0]), float(found[1]), float(found[2])
