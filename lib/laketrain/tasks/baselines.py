"""Baselines: predictions without a neural network, which a model should beat.

    baseline = Constant(np.array(3))
    baseline.predict(features, arrays)       # (n,) classes

The driver fits them to a sample of the train split; the ranks measure them on the rows on which they measure the model.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from laketrain.features import FeatureSet
from laketrain.tasks.accumulator import Floats
from laketrain.tasks.design_matrix import design_matrix, width_of
from laketrain.tasks.persistence import last_values

Arrays = dict[str, npt.NDArray[Any]]
_AT_ONCE = 4_000_000


class Baseline(Protocol):
    """Predicts rows. It is pickled for the ranks, so it contains only values."""

    def predict(self, features: FeatureSet, arrays: Arrays) -> npt.NDArray[Any]:
        """The predictions of n rows: (n,) classes, (n, labels) zeros and ones, or (n, components) numbers in the
        columns' units."""


@dataclass(frozen=True)
class Constant:
    """Predicts the same value for every row."""

    value: npt.NDArray[Any]

    def predict(self, features: FeatureSet, arrays: Arrays) -> npt.NDArray[Any]:
        rows = len(next(iter(arrays.values())))
        return np.broadcast_to(self.value, (rows, *self.value.shape))


@dataclass(frozen=True)
class Persistence:
    """Predicts the last known value of a target."""

    target: str

    def predict(self, features: FeatureSet, arrays: Arrays) -> npt.NDArray[Any]:
        return last_values(features, arrays)[self.target]


@dataclass(frozen=True)
class Linear:
    """Predicts by a scikit-learn model of the inputs; with `flags`, whether the model's prediction is at least 0.5."""

    model: Any
    flags: bool = False

    def predict(self, features: FeatureSet, arrays: Arrays) -> npt.NDArray[Any]:
        rows, width = len(next(iter(arrays.values()))), max(1, width_of(features))
        step = max(1, _AT_ONCE // width)  # a batch of large pictures, as float32, would fill a rank's memory
        predictions = np.concatenate([
            np.asarray(self.model.predict(design_matrix(features, {name: values[first:first + step]
                                                                   for name, values in arrays.items()})))
            for first in range(0, rows, step)])
        if predictions.dtype.kind == "f":  # scikit-learn drops the last axis of one component
            predictions = predictions.reshape(rows, -1)
        return predictions >= 0.5 if self.flags else predictions


@dataclass(frozen=True)
class Sample:
    """Rows of the train split, to which baselines are fitted.

    Attributes:
        inputs: the design matrix, (n, columns).
        truth: by column of the dataset, (n, …).
        last: the last known value of each target that is forecast, (n, components).
        weights: (n,), None where each row weighs 1.
    """

    inputs: npt.NDArray[np.float32]
    truth: Arrays
    last: dict[str, Floats]
    weights: Floats | None

    def least_squares(self, values: Floats) -> Any:
        """A linear model of the inputs that predicts `values`, (n, components)."""
        from sklearn.linear_model import Ridge
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler

        return make_pipeline(StandardScaler(), Ridge(alpha=1.0)).fit(
            self.inputs, values, standardscaler__sample_weight=self.weights, ridge__sample_weight=self.weights)
