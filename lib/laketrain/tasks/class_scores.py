"""Scores of classes from counts, computed by scikit-learn: precision, recall, F1, and their macro means.

    summarise(confusion, labels=["0", "1", …])     # {'accuracy': …, 'classes': [{'label': '0', 'precision': …}, …]}

Macro means are over the classes that occur in truth or predictions. Precision is undefined for a class that is never
predicted, recall for one that is never true; both count as 0, as is scikit-learn's default.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from laketrain.tasks.accumulator import Floats

SCORES = ("precision", "recall", "f1")
SMALLEST = 1e-7
"""Smaller probabilities are raised to this before their logarithm is computed."""
_NAMED = 5


def summarise(confusion: npt.NDArray[Any], labels: Sequence[str]) -> dict[str, Any]:
    """Accuracy, the macro means, and precision, recall, F1 and rows of each class.

    Args:
        confusion: (classes, classes) rows, or their weights, by true, then by predicted class.
    """
    from sklearn.metrics import accuracy_score, precision_recall_fscore_support

    true, predicted = np.indices(confusion.shape).reshape(2, -1)
    cells = confusion.reshape(-1)
    precision, recall, f1, _ = precision_recall_fscore_support(
        true, predicted, sample_weight=cells, zero_division=0.0, labels=np.arange(len(labels)))
    scores = by_class(labels, np.stack([precision, recall, f1], axis=1), confusion.sum(axis=1), confusion.sum(axis=0))
    return {
        "accuracy": float(accuracy_score(true, predicted, sample_weight=cells)) if cells.any() else 0.0,
        **macro_means(scores),
        "classes": [{**score, "rows": int(rows)} for score, rows in zip(scores, confusion.sum(axis=1), strict=True)],
    }


def binary_scores(counts: Floats) -> tuple[float, float, float]:
    """Precision, recall and F1 of the weights of (both, predicted alone, true alone, neither)."""
    from sklearn.metrics import precision_recall_fscore_support

    precision, recall, f1, _ = precision_recall_fscore_support(
        [1, 0, 1, 0], [1, 1, 0, 0], sample_weight=counts, average="binary", zero_division=0.0)
    return float(precision), float(recall), float(f1)


def by_class(labels: Sequence[str], scores: Floats, true: npt.NDArray[Any],
             predicted: npt.NDArray[Any]) -> list[dict[str, Any]]:
    """Label, precision, recall and F1 of each class: None of a class that neither occurs nor is predicted.

    Args:
        scores: (classes, 3). true, predicted: (classes,) weight of the rows of a class, and of those predicted to be.
    """
    occurs = (true > 0) | (predicted > 0)
    return [{"label": label, **{name: float(value) if here else None for name, value in zip(SCORES, row, strict=True)}}
            for label, row, here in zip(labels, scores, occurs, strict=True)]


def macro_means(scores: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """Over the classes that occur; 0 where none does."""
    return {f"macro_{name}": float(np.mean([score[name] for score in scores if score[name] is not None] or [0.0]))
            for name in SCORES}


def undefined(labels: Sequence[str], true: npt.NDArray[Any], predicted: npt.NDArray[Any]) -> dict[str, list[str]]:
    """The classes whose `precision` (never predicted) or `recall` (never true) is undefined and counts as 0."""
    of = {"precision": (true > 0) & (predicted == 0), "recall": (true == 0) & (predicted > 0)}
    return {name: [labels[int(index)] for index in np.flatnonzero(mask)] for name, mask in of.items() if mask.any()}


def undefined_notices(target: str, section: Mapping[str, Any], split: str) -> Iterator[str]:
    """A sentence for each score that is undefined for some classes."""
    why = {"precision": "never predicted", "recall": f"never true in {split}"}
    for name, labels in (section.get("undefined") or {}).items():
        single = len(labels) == 1
        noun, verb, pronoun = ("class", "is", "its") if single else ("classes", "are", "their")
        yield (f"{noun} {named(labels)} of {target!r} {verb} {why[name]}: {pronoun} {name} is undefined "
               f"and counts as 0 in macro_{name}")


def named(labels: Sequence[str]) -> str:
    """The first labels, and how many more there are."""
    more = len(labels) - _NAMED
    return ", ".join(map(str, labels[:_NAMED])) + (f" and {more} more" if more > 0 else "")
