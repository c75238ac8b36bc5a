"""What a model must beat to have been worth training.

    learnt = Baselines(dataset, "train").of("label", ["majority", "linear"])     # {"majority": Always(3), …}
    learnt["majority"].said(features, arrays)                                     # (n,) classes

They are learnt by the driver and measured by the ranks, on the very rows on which these measure the model. Rows count
by their weights, as they do for the model.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from laketrain.evaluate.last import last_values
from laketrain.evaluate.matrix import Floats, matrix_of, width_of
from laketrain.evaluate.numbers import own_units
from laketrain.evaluate.rows import Arrays, chosen, rows_that_count, weights_of
from laketrain.features import FeatureSet, Label, Multilabel
from laketrain.feed.dataset import Dataset

# A baseline is a yardstick, not a rival: more rows would cost the driver minutes and hardly move it. The second bound
# is of memory: scikit-learn holds the numbers several times, 4 to 8 bytes each.
MOST_ROWS = 5_000
MOST_NUMBERS = 32_000_000
_AT_ONCE = 4_000_000
_ITERATIONS = 100


class Baseline(Protocol):
    """Says something of rows without having been trained; values only, since ranks are sent it."""

    def said(self, features: FeatureSet, arrays: Arrays) -> npt.NDArray[Any]:
        """Of n rows: (n,) classes, (n, labels) of 0 and 1, or (n, components) numbers in their own units."""


@dataclass(frozen=True)
class Always:
    """Says the same of every row."""

    value: npt.NDArray[Any]

    def said(self, features: FeatureSet, arrays: Arrays) -> npt.NDArray[Any]:
        rows = len(next(iter(arrays.values())))
        return np.broadcast_to(self.value, (rows, *self.value.shape))


@dataclass(frozen=True)
class Last:
    """Says that things stay as they are."""

    target: str

    def said(self, features: FeatureSet, arrays: Arrays) -> npt.NDArray[Any]:
        return last_values(features, arrays)[self.target]


@dataclass(frozen=True)
class Linear:
    """What scikit-learn's `model` makes of the inputs; with `flags`, whether that is at least one half."""

    model: Any
    flags: bool = False

    def said(self, features: FeatureSet, arrays: Arrays) -> npt.NDArray[Any]:
        rows, width = len(next(iter(arrays.values()))), max(1, width_of(features))
        step = max(1, _AT_ONCE // width)  # a batch of large pictures, as float32, would be a rank's memory
        found = np.concatenate([
            np.asarray(self.model.predict(matrix_of(features, {name: values[first:first + step]
                                                               for name, values in arrays.items()})))
            for first in range(0, rows, step)])
        return found >= 0.5 if self.flags else found


@dataclass(frozen=True)
class Sample:
    """Rows spread evenly over those of a split that count: the inputs as a matrix (n, columns), the targets, what is
    the last known value of those that are forecast, (n, components), and weights (n,), None where each weighs 1."""

    inputs: Floats
    targets: Arrays
    last: dict[str, npt.NDArray[np.float64]]
    weights: npt.NDArray[np.float64] | None

    @classmethod
    def of(cls, dataset: Dataset, split: str) -> Sample:
        features = dataset.features
        most = max(1, min(MOST_ROWS, MOST_NUMBERS // max(1, width_of(features))))
        columns = [*features.inputs, *features.targets, *([features.weight] if features.weight else [])]
        parts = [_part(features, arrays) for _, arrays in chosen(
            dataset, split, columns, rows_that_count(dataset, split, most))]
        weights = np.concatenate([part.weights for part in parts if part.weights is not None] or [np.zeros(0)])
        return cls(np.concatenate([part.inputs for part in parts]), _stacked([part.targets for part in parts]),
                   _stacked([part.last for part in parts]), weights if features.weight else None)


@dataclass(frozen=True)
class Baselines:
    """The baselines of a dataset, learnt on the split `train`."""

    dataset: Dataset
    train: str

    @cached_property
    def learnt_on(self) -> Sample:
        return Sample.of(self.dataset, self.train)

    @property
    def rows(self) -> int:
        """How many rows they are learnt on."""
        return len(self.learnt_on.inputs)

    def of(self, target: str, names: Iterable[str]) -> dict[str, Baseline]:
        """By name, of those among `names` that there are for this target."""
        feature = self.dataset.features[target]
        if isinstance(feature, Label):
            made: dict[str, Callable[[str], Baseline | None]] = {"majority": self._commonest, "linear": self._logistic}
        elif isinstance(feature, Multilabel):
            made = {"majority": self._commonest_labels, "linear": self._least_squares_labels}
        else:
            made = {"mean": self._mean, "last": self._last, "linear": self._least_squares}
        found = {name: made[name](target) for name in names if name in made}
        return {name: baseline for name, baseline in found.items() if baseline is not None}

    def _commonest(self, target: str) -> Baseline:
        labels = self.learnt_on.targets[target]
        return Always(np.asarray(np.bincount(labels, self.learnt_on.weights).argmax()))

    def _logistic(self, target: str) -> Baseline:
        from sklearn.linear_model import LogisticRegression
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import MinMaxScaler

        labels, weights = self.learnt_on.targets[target], self.learnt_on.weights
        if len(np.unique(labels)) < 2:
            return self._commonest(target)
        model = make_pipeline(MinMaxScaler(), LogisticRegression(max_iter=_ITERATIONS, tol=1e-2))
        return Linear(model.fit(self.learnt_on.inputs, labels, logisticregression__sample_weight=weights))

    def _commonest_labels(self, target: str) -> Baseline:
        return Always(np.average(self.learnt_on.targets[target], axis=0, weights=self.learnt_on.weights) >= 0.5)

    def _least_squares_labels(self, target: str) -> Baseline:
        return Linear(self._fitted(self.learnt_on.targets[target].astype(np.float64)), flags=True)

    def _mean(self, target: str) -> Baseline:
        return Always(np.average(self._own_units(target), axis=0, weights=self.learnt_on.weights))

    def _last(self, target: str) -> Baseline | None:
        return Last(target) if target in self.learnt_on.last else None

    def _least_squares(self, target: str) -> Baseline:
        return Linear(self._fitted(self._own_units(target)))

    def _own_units(self, target: str) -> npt.NDArray[np.float64]:
        feature: Any = self.dataset.features[target]
        return own_units(feature, self.learnt_on.targets[target])

    def _fitted(self, known: npt.NDArray[np.float64]) -> Any:
        """A linear model of least squares, which says (n, components)."""
        from sklearn.linear_model import Ridge
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler

        weights = self.learnt_on.weights
        return make_pipeline(StandardScaler(), Ridge(alpha=1.0)).fit(
            self.learnt_on.inputs, known, standardscaler__sample_weight=weights, ridge__sample_weight=weights)


def _part(features: FeatureSet, arrays: Arrays) -> Sample:
    return Sample(matrix_of(features, arrays), {name: arrays[name] for name in features.targets},
                  last_values(features, arrays), weights_of(features, arrays))


def _stacked(parts: list[Any]) -> dict[str, Any]:
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
