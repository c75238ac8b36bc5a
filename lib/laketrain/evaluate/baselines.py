"""What a model must beat to have been worth training.

    accuracy = BASELINES["linear"](dataset, "train", "test")
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from laketrain.feed.dataset import Dataset

# A baseline is a yardstick, not a rival: more rows would cost the driver minutes and hardly move it.
MOST_ROWS = 5_000
_ITERATIONS = 100


def majority(dataset: Dataset, train: str, test: str) -> float:
    """The accuracy of always saying the commonest class of the train split."""
    _, labels = _rows(dataset, train)
    _, truth = _rows(dataset, test)
    return float(np.mean(truth == np.bincount(labels).argmax()))


def linear(dataset: Dataset, train: str, test: str) -> float:
    """The accuracy of logistic regression on the flattened inputs."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import MinMaxScaler

    inputs, labels = _rows(dataset, train)
    unseen, truth = _rows(dataset, test)
    if len(np.unique(labels)) < 2:
        return majority(dataset, train, test)
    model = make_pipeline(MinMaxScaler(), LogisticRegression(max_iter=_ITERATIONS, tol=1e-2))
    return float(model.fit(inputs, labels).score(unseen, truth))


BASELINES: Mapping[str, Callable[[Dataset, str, str], float]] = {"majority": majority, "linear": linear}


def _rows(dataset: Dataset, split: str) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]:
    """Up to MOST_ROWS rows spread evenly over the split: inputs (n, values), labels (n,)."""
    there = dataset.rows(split)
    numbers = np.unique(np.linspace(0, there - 1, min(there, MOST_ROWS)).astype(np.int64))
    with dataset.reader(split) as reader:
        arrays: dict[str, npt.NDArray[Any]] = reader.read(numbers)
    flat = [arrays[name].reshape(len(numbers), -1).astype(np.float32) for name in dataset.features.inputs]
    [target] = dataset.features.targets
    return np.concatenate(flat, axis=1), arrays[target]
