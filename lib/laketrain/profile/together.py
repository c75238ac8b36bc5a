"""Which numeric columns go together: Pearson's r of each pair, over the rows in which both are finite.

    pairs = Pairs(len(columns))
    pairs.add(scaled(values, centre, width))         # (rows, columns), NaN where a number is missing
    pairs.r

Numbers are first made whole ones of 21 bits between the column's ends. Then every sum of products over a block of rows
is a whole number that a float64 holds exactly, so that fast matrix products add up alike however the rows were cut.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

MOST_COLUMNS = 40
_ONE = float(1 << 20)
_BLOCK = 1 << 12
_SUMS = ("rows", "sums", "squares", "products")


def scaled(values: Floats, centre: Floats, width: Floats) -> Floats:
    """(rows, columns) numbers as whole ones from -2^20 to 2^20: how far each lies from its column's `centre`, in parts
    of the `width` that none exceeds. What is not finite is NaN."""
    with np.errstate(invalid="ignore", over="ignore"):
        found = np.clip(np.rint((values - centre) / width * _ONE), -_ONE, _ONE)
    return np.where(np.isfinite(values), found, np.nan)


class Pairs:
    """Exact sums over the rows in which both of a pair are there: [first, second], of the first."""

    def __init__(self, columns: int) -> None:
        self._sums = {name: np.zeros((columns, columns), object) for name in _SUMS}

    def add(self, whole: Floats) -> None:
        """(rows, columns) of `scaled`."""
        for start in range(0, len(whole), _BLOCK):
            block = whole[start : start + _BLOCK]
            there = np.isfinite(block)
            numbers, known = np.where(there, block, 0.0), there.astype(np.float64)
            for name, first, second in (("rows", known, known), ("sums", numbers, known),
                                        ("squares", numbers * numbers, known), ("products", numbers, numbers)):
                self._sums[name] += (first.T @ second).astype(np.int64).astype(object)

    def merge(self, other: Pairs) -> None:
        """Adds what another part of the rows holds."""
        for name in _SUMS:
            self._sums[name] += other._sums[name]

    @property
    def r(self) -> list[list[float | None]]:
        """Symmetric, 1 on the diagonal; None where one of a pair doesn't vary in the rows that both have."""
        columns = len(self._sums["rows"])
        return [[1.0 if one == other else self._r(max(one, other), min(one, other)) for other in range(columns)]
                for one in range(columns)]

    def _r(self, one: int, other: int) -> float | None:
        rows = self._sums["rows"][one, other]
        first, second = self._sums["sums"][one, other], self._sums["sums"][other, one]
        spread = ((rows * self._sums["squares"][one, other] - first * first)
                  * (rows * self._sums["squares"][other, one] - second * second))
        if spread <= 0:
            return None
        both = rows * self._sums["products"][one, other] - first * second
        # A quotient of whole numbers of any size; a float's own range might not hold them.
        return max(-1.0, min(1.0, both / math.isqrt(spread)))

    def to_json(self) -> dict[str, Any]:
        return {name: sums.tolist() for name, sums in self._sums.items()}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Pairs:
        found = cls(0)
        found._sums = {name: np.array(data[name], object).reshape(len(data[name]), -1) for name in _SUMS}
        return found
