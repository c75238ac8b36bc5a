"""What a model must beat to have been worth training.

    found = Baselines(dataset, "train", "test").of("label", ["majority", "linear"])     # {'majority': 0.11, …}

Each is one figure: a label's accuracy, a multilabel's micro F1, a value's mean absolute error in its own units.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from laketrain.evaluate.last import last_values
from laketrain.evaluate.matrix import Floats, matrix_of, width_of
from laketrain.evaluate.numbers import own_units
from laketrain.evaluate.rows import Arrays, chosen, spread
from laketrain.features import FeatureSet, Label, Multilabel
from laketrain.feed.dataset import Dataset

# A baseline is a yardstick, not a rival: more rows would cost the driver minutes and hardly move it. The second bound
# is of memory: scikit-learn holds the numbers several times, 4 to 8 bytes each.
MOST_ROWS = 5_000
MOST_NUMBERS = 32_000_000
_ITERATIONS = 100


@dataclass(frozen=True)
class Sample:
    """Rows spread evenly over a split: the inputs as a matrix (n, columns), the targets, and what is the last known
    value of those that are forecast, (n, components)."""

    inputs: Floats
    targets: Arrays
    last: dict[str, npt.NDArray[np.float64]]

    @classmethod
    def of(cls, dataset: Dataset, split: str) -> Sample:
        features = dataset.features
        most = max(1, min(MOST_ROWS, MOST_NUMBERS // max(1, width_of(features))))
        parts = [_part(features, arrays) for _, arrays in chosen(
            dataset, split, [*features.inputs, *features.targets], spread(dataset.rows(split), most))]
        return cls(np.concatenate([part.inputs for part in parts]), _stacked([part.targets for part in parts]),
                   _stacked([part.last for part in parts]))


@dataclass(frozen=True)
class Baselines:
    """The baselines of a dataset, learnt on `train`, measured on `test`."""

    dataset: Dataset
    train: str
    test: str

    @cached_property
    def learnt_on(self) -> Sample:
        return Sample.of(self.dataset, self.train)

    @cached_property
    def measured_on(self) -> Sample:
        return Sample.of(self.dataset, self.test)

    @property
    def rows(self) -> dict[str, int]:
        """How many rows the linear model and the other baselines saw."""
        return {self.train: len(self.learnt_on.inputs), self.test: len(self.measured_on.inputs)}

    def of(self, target: str, names: Iterable[str]) -> dict[str, float]:
        """By baseline, of those among `names` that there are for this target."""
        feature = self.dataset.features[target]
        if isinstance(feature, Label):
            made: dict[str, Callable[[str], float | None]] = {"majority": self._commonest, "linear": self._logistic}
        elif isinstance(feature, Multilabel):
            made = {"majority": self._commonest_labels, "linear": self._least_squares_labels}
        else:
            made = {"mean": self._mean, "last": self._last, "linear": self._least_squares}
        found = {name: made[name](target) for name in names if name in made}
        return {name: figure for name, figure in found.items() if figure is not None}

    def _both(self, target: str) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
        return self.learnt_on.targets[target], self.measured_on.targets[target]

    def _commonest(self, target: str) -> float:
        labels, truth = self._both(target)
        return float(np.mean(truth == np.bincount(labels).argmax()))

    def _logistic(self, target: str) -> float:
        from sklearn.linear_model import LogisticRegression
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import MinMaxScaler

        labels, truth = self._both(target)
        if len(np.unique(labels)) < 2:
            return self._commonest(target)
        model = make_pipeline(MinMaxScaler(), LogisticRegression(max_iter=_ITERATIONS, tol=1e-2))
        return float(model.fit(self.learnt_on.inputs, labels).score(self.measured_on.inputs, truth))

    def _commonest_labels(self, target: str) -> float:
        labels, truth = self._both(target)
        return _micro_f1(truth, np.broadcast_to(labels.mean(axis=0) >= 0.5, truth.shape))

    def _least_squares_labels(self, target: str) -> float:
        labels, truth = self._both(target)
        return _micro_f1(truth, self._fitted(labels.astype(np.float64)) >= 0.5)

    def _mean(self, target: str) -> float:
        known, truth = self._own_units(target)
        return float(np.abs(truth - known.mean(axis=0)).mean())

    def _last(self, target: str) -> float | None:
        if target not in self.measured_on.last:
            return None
        return float(np.abs(self._own_units(target)[1] - self.measured_on.last[target]).mean())

    def _least_squares(self, target: str) -> float:
        known, truth = self._own_units(target)
        return float(np.abs(truth - self._fitted(known)).mean())

    def _own_units(self, target: str) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        feature: Any = self.dataset.features[target]
        known, truth = self._both(target)
        return own_units(feature, known), own_units(feature, truth)

    def _fitted(self, known: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """What a linear model of least squares says of the rows that are measured, (n, components)."""
        from sklearn.linear_model import Ridge
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler

        model = make_pipeline(StandardScaler(), Ridge(alpha=1.0)).fit(self.learnt_on.inputs, known)
        said = np.asarray(model.predict(self.measured_on.inputs), np.float64)
        return said.reshape(len(said), -1)


def _micro_f1(truth: npt.NDArray[Any], said: npt.NDArray[Any]) -> float:
    from sklearn.metrics import f1_score

    return float(f1_score(truth.reshape(-1), said.reshape(-1).astype(truth.dtype), zero_division=0.0))


def _part(features: FeatureSet, arrays: Arrays) -> Sample:
    return Sample(matrix_of(features, arrays), {name: arrays[name] for name in features.targets},
                  last_values(features, arrays))


def _stacked(parts: list[Any]) -> dict[str, Any]:
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
