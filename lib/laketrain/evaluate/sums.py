"""What all targets' sums have in common: rows count by their weights, and a row of weight 0 counts in nothing.

    class Right(Tally):
        def _add(self, rows, truth, said, weights): self._right += weights[truth == said].sum()

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


class Tally(ABC):
    """Sums over the rows of a rank."""

    def __init__(self) -> None:
        self._rows = self._masked = 0
        self._weight = 0.0

    def add(self, rows: Ints, truth: npt.NDArray[Any], said: npt.NDArray[Any], weights: Floats | None = None) -> None:
        """Rows by their numbers, with what is true and what was said, (n, …) each, and (n,) weights, ≥ 0."""
        if weights is None:
            weights = np.ones(len(rows))
        counted = weights > 0
        self._rows += int(counted.sum())
        self._masked += int((~counted).sum())
        self._weight += float(weights.sum())
        if not counted.any():
            return
        if counted.all():
            self._add(rows, truth, said, weights)
        else:
            self._add(rows[counted], truth[counted], said[counted], weights[counted])

    def part(self) -> dict[str, Any]:
        """rows that count, their summed weight, masked rows (of weight 0), and what the kind has beside."""
        return {"rows": self._rows, "weight": self._weight, "masked": self._masked, **self._part()}

    @abstractmethod
    def _add(self, rows: Ints, truth: npt.NDArray[Any], said: npt.NDArray[Any], weights: Floats) -> None:
        """Of rows with a weight above 0."""

    @abstractmethod
    def _part(self) -> dict[str, Any]: ...


def counted(parts: Sequence[dict[str, Any]], weighted: bool) -> dict[str, Any]:
    """How many rows the ranks' figures are of and, where rows have weights, what these add up to and how many rows
    have none."""
    found = {key: sum(part[key] for part in parts) for key in ("rows", "weight", "masked")}
    return found if weighted else {"rows": found["rows"]}


def plain(sums: Floats, weighted: bool) -> list[Any]:
    """Sums of weights as lists: whole numbers where each row weighs 1."""
    found: list[Any] = (sums if weighted else np.rint(sums).astype(np.int64)).tolist()
    return found
