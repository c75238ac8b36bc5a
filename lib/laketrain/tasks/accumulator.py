"""The sums of an evaluation over a rank's rows. Rows count by their weights; a row of weight 0 doesn't count.

    class Correct(Accumulator):
        def _add(self, rows, truth, outputs, weights): self._correct += weights[truth == outputs].sum()

Weights are scikit-learn's `sample_weight`; without any each row weighs 1.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


class Accumulator(ABC):
    """Sums over the rows of a rank. The driver merges the `part()` of all ranks by `Task.merge`."""

    def __init__(self) -> None:
        self._rows = self._masked = 0
        self._weight = 0.0

    def add(self, rows: Ints, truth: npt.NDArray[Any], outputs: npt.NDArray[Any],
            weights: Floats | None = None) -> None:
        """Adds rows by their numbers, with truth and the model's outputs, (n, …) each, and weights ≥ 0, (n,)."""
        if weights is None:
            weights = np.ones(len(rows))
        counted = weights > 0
        self._rows += int(counted.sum())
        self._masked += int((~counted).sum())
        self._weight += float(weights.sum())
        if not counted.any():
            return
        if counted.all():
            self._add(rows, truth, outputs, weights)
        else:
            self._add(rows[counted], truth[counted], outputs[counted], weights[counted])

    def part(self) -> dict[str, Any]:
        """The sums as JSON values, whose size doesn't grow with the rows: `rows` that count, their summed `weight`, the
        `masked` rows of weight 0, and the sums of the task."""
        return {"rows": self._rows, "weight": self._weight, "masked": self._masked, **self._part()}

    @abstractmethod
    def _add(self, rows: Ints, truth: npt.NDArray[Any], outputs: npt.NDArray[Any], weights: Floats) -> None:
        """Adds rows with a weight above 0."""

    @abstractmethod
    def _part(self) -> dict[str, Any]: ...


def counted(parts: Sequence[dict[str, Any]], weighted: bool) -> dict[str, Any]:
    """The rows of all parts and, where rows have weights, their summed weight and the rows of weight 0."""
    sums = {key: sum(part[key] for part in parts) for key in ("rows", "weight", "masked")}
    return sums if weighted else {"rows": sums["rows"]}


def as_lists(sums: Floats, weighted: bool) -> list[Any]:
    """Sums of weights as lists; whole numbers where each row weighs 1."""
    lists: list[Any] = (sums if weighted else np.rint(sums).astype(np.int64)).tolist()
    return lists


def worst_of(rows: list[dict[str, Any]], count: int, by: str) -> list[dict[str, Any]]:
    """The `count` rows with the largest `by`; the first row comes first among equals."""
    return sorted(rows, key=lambda row: (-row[by], row["row"]))[:count]
