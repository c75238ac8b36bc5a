"""Metrics of a classifier from its confusion matrix, computed by scikit-learn.

    summarise(confusion, labels=["0", "1", …])     # {'accuracy': …, 'classes': [{'label': '0', 'precision': …}, …]}

Macro means are over the classes that occur in truth or predictions. Of those, a precision of what is never predicted
and a recall of what is never true are undefined and count as 0. Both are scikit-learn's defaults.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.metrics import accuracy_score, precision_recall_fscore_support

from laketrain.evaluate.sums import Floats

SCORES = ("precision", "recall", "f1")


def summarise(confusion: npt.NDArray[Any], labels: Sequence[str]) -> dict[str, Any]:
    """Accuracy, the macro means, and precision, recall, F1 and rows of each class.

    Args:
        confusion: (classes, classes) rows, or their weights, by true, then by predicted class.
    """
    true, predicted = np.indices(confusion.shape).reshape(2, -1)
    cells = confusion.reshape(-1)
    precision, recall, f1, _ = precision_recall_fscore_support(
        true, predicted, sample_weight=cells, zero_division=0.0, labels=np.arange(len(labels)))
    scores = by_class(labels, np.stack([precision, recall, f1], axis=1), confusion.sum(axis=1), confusion.sum(axis=0))
    return {
        "accuracy": float(accuracy_score(true, predicted, sample_weight=cells)) if cells.any() else 0.0,
        **macro_means(scores),
        "classes": [{**one, "rows": int(rows)} for one, rows in zip(scores, confusion.sum(axis=1), strict=True)],
    }


def by_class(labels: Sequence[str], scores: Floats, true: npt.NDArray[Any],
             predicted: npt.NDArray[Any]) -> list[dict[str, Any]]:
    """Label, precision, recall and F1 of each class: None of a class that neither occurs nor is predicted.

    Args:
        scores: (classes, 3). true, predicted: (classes,) weight of the rows that are of a class, or said to be.
    """
    occurs = (true > 0) | (predicted > 0)
    return [{"label": label, **{name: float(value) if here else None for name, value in zip(SCORES, row, strict=True)}}
            for label, row, here in zip(labels, scores, occurs, strict=True)]


def macro_means(scores: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """Over the classes that occur; 0 where none does."""
    return {f"macro_{name}": float(np.mean([one[name] for one in scores if one[name] is not None] or [0.0]))
            for name in SCORES}


def undefined(labels: Sequence[str], true: npt.NDArray[Any], predicted: npt.NDArray[Any]) -> dict[str, list[str]]:
    """The classes whose `precision` (never predicted) or `recall` (never true) counts as 0 without being measured."""
    of = {"precision": (true > 0) & (predicted == 0), "recall": (true == 0) & (predicted > 0)}
    return {name: [labels[place] for place in np.flatnonzero(mask)] for name, mask in of.items() if mask.any()}
