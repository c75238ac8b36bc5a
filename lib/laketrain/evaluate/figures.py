"""The one figure by which a target's model and its baselines are compared, as sums that ranks can add up.

    tally = FigureTally(feature)
    tally.add(truth, said, weights)
    figure_of([tally.part()])      # 0.11

It is a label's accuracy, a multilabel's micro F1, a value's mean absolute error in its own units.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from laketrain.evaluate.numbers import own_units
from laketrain.evaluate.sums import Floats
from laketrain.features import Feature, Label, Multilabel


class FigureTally:
    """Sums over a rank's rows of one baseline."""

    def __init__(self, feature: Feature) -> None:
        self._feature = feature
        self._sums = np.zeros(2)

    def add(self, truth: npt.NDArray[Any], said: npt.NDArray[Any], weights: Floats) -> None:
        """Rows of one batch.

        Args:
            truth: as the dataset has it. said: (n,) classes, (n, labels) of 0 and 1, or (n, components) numbers in
                their own units.
        """
        self._sums += self._of(truth, said, weights)

    def part(self) -> list[float]:
        """The two sums whose ratio is the figure."""
        found: list[float] = self._sums.tolist()
        return found

    def _of(self, truth: npt.NDArray[Any], said: npt.NDArray[Any], weights: Floats) -> tuple[float, float]:
        if isinstance(self._feature, Label):
            return float(weights @ (said == truth)), float(weights.sum())
        if isinstance(self._feature, Multilabel):
            true, has = truth.astype(bool), said.astype(bool)
            both, either = (weights @ (true & has)).sum(), (weights @ true).sum() + (weights @ has).sum()
            return 2 * float(both), float(either)
        feature: Any = self._feature
        off = np.abs(own_units(feature, truth) - said).mean(axis=1)
        return float(weights @ off), float(weights.sum())


def figure_of(parts: Sequence[Sequence[float]]) -> float:
    """Of the ranks' sums together; an F1 of no label, true or predicted, is 0, as scikit-learn has it."""
    above, below = np.sum(parts, axis=0)
    return float(above / below) if below else 0.0
