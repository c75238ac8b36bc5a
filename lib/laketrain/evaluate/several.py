"""What is counted of a multilabel's predictions: hits and misses of each label, rows that are wholly right.

    tally = SeveralTally(feature, worst=24)
    tally.add(rows, truth, probabilities)
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
from laketrain.features import Multilabel


class SeveralTally:
    """Sums over a rank's rows."""

    def __init__(self, feature: Multilabel, worst: int) -> None:
        # By label: both, predicted alone, true alone, neither.
        self._counts = np.zeros((len(feature.names), 4), np.int64)
        self._rows = self._right = 0
        self._loss, self._worst, self._mistakes = 0.0, worst, list[dict[str, Any]]()

    def add(self, rows: npt.NDArray[np.int64], truth: npt.NDArray[np.uint8],
            probabilities: npt.NDArray[np.float32]) -> None:
        """Rows by their numbers, with (n, labels) zeros and ones and (n, labels) probabilities."""
        true, said = truth.astype(bool), probabilities >= THRESHOLD
        for place, both in enumerate((true & said, ~true & said, true & ~said, ~true & ~said)):
            self._counts[:, place] += both.sum(axis=0)
        wrong = (true != said).any(axis=1)
        self._rows, self._right = self._rows + len(rows), self._right + int((~wrong).sum())
        of_truth = np.where(true, probabilities, 1.0 - probabilities).astype(np.float64)
        losses = -np.log(np.maximum(of_truth, SMALLEST)).mean(axis=1)
        self._loss += float(losses.sum())
        self._mistakes = worst_of([*self._mistakes, *(
            {"row": int(rows[i]), "true": np.flatnonzero(true[i]).tolist(),
             "predicted": np.flatnonzero(said[i]).tolist(), "loss": float(losses[i])}
            for i in np.flatnonzero(wrong))], self._worst, "loss")

    def part(self) -> dict[str, Any]:
        """counts (labels, 4), rows, rows that are wholly right, summed binary cross-entropy, the worst rows."""
        return {"counts": self._counts.tolist(), "rows": self._rows, "right": self._right, "loss": self._loss,
                "worst": self._mistakes}


def several_section(feature: Multilabel, parts: Sequence[dict[str, Any]], worst: int) -> dict[str, Any]:
    """The ranks' parts as one: metrics, labels, the worst rows with the indices of their labels."""
    counts = np.sum([part["counts"] for part in parts], axis=0, dtype=np.int64)
    rows = max(1, sum(part["rows"] for part in parts))
    scores = [_scores(one) for one in counts]
    labels = [{"label": name, "precision": found[0], "recall": found[1], "f1": found[2], "rows": int(one[0] + one[2]),
               "predicted": int(one[0] + one[1])}
              for name, found, one in zip(feature.names, scores, counts, strict=True)]
    precision, recall, f1 = np.mean(scores, axis=0).tolist()
    metrics = {"micro_f1": _scores(counts.sum(axis=0))[2], "macro_precision": precision, "macro_recall": recall,
               "macro_f1": f1, "subset_accuracy": sum(part["right"] for part in parts) / rows, "classes": labels,
               "loss": sum(part["loss"] for part in parts) / rows}
    return {"metrics": metrics, "labels": list(feature.names),
            "worst": worst_of([row for part in parts for row in part["worst"]], worst, "loss")}


def _scores(counts: npt.NDArray[np.int64]) -> tuple[float, float, float]:
    """Precision, recall and F1 of (both, predicted alone, true alone, neither) rows."""
    found = precision_recall_fscore_support([1, 0, 1, 0], [1, 1, 0, 0], sample_weight=counts, average="binary",
                                            zero_division=0.0)
    return float(found[0]), float(found[1]), float(found[2])
