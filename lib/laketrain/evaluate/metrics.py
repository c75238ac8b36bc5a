"""Metrics of a classifier from its confusion matrix, computed by scikit-learn.

    summarise(confusion, labels=["0", "1", …])     # {'accuracy': …, 'classes': [{'label': '0', 'precision': …}, …]}
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.metrics import accuracy_score, precision_recall_fscore_support


def summarise(confusion: npt.NDArray[np.int64], labels: Sequence[str]) -> dict[str, Any]:
    """Accuracy, the macro means, and precision, recall, F1 and rows of each class.

    Args:
        confusion: (classes, classes) rows by true, then by predicted class.
    """
    true, predicted = np.indices(confusion.shape).reshape(2, -1)
    rows = confusion.reshape(-1)
    found = precision_recall_fscore_support(true, predicted, sample_weight=rows, zero_division=0.0,
                                            labels=np.arange(len(labels)))
    precision, recall, f1, _ = found
    per_class = [
        {"label": label, "precision": float(precision[i]), "recall": float(recall[i]), "f1": float(f1[i]),
         "rows": int(confusion[i].sum())}
        for i, label in enumerate(labels)
    ]
    return {
        "accuracy": float(accuracy_score(true, predicted, sample_weight=rows)),
        "macro_precision": float(np.mean(precision)),
        "macro_recall": float(np.mean(recall)),
        "macro_f1": float(np.mean(f1)),
        "classes": per_class,
    }
