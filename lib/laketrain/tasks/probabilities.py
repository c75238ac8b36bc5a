"""Whether a model's outputs are probabilities, in NumPy.

Losses, metrics, evaluation and predictions assume that they are. A model with logits would train badly and be reported
as if they were probabilities, so this is checked before the first epoch.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

_FINE, _COARSE = 1e-3, 0.02
"""The tolerances for float32 and for types of 16 bits: a softmax in bfloat16 has three digits."""


def probability_problem(outputs: npt.NDArray[Any], coarse: bool, sum_to_one: bool) -> str | None:
    """Why `outputs`, (n, classes), aren't probabilities; None if they may be. Rows with numbers that aren't finite are
    ignored.

    Args:
        coarse: whether they were computed in 16 bits. sum_to_one: whether each row is a distribution.
    """
    rows = outputs.reshape(len(outputs), -1).astype(np.float64)
    rows = rows[np.isfinite(rows).all(axis=1)]
    if not len(rows):
        return None
    tolerance = _COARSE if coarse else _FINE
    sums = rows.sum(axis=1)
    ranges = f"numbers from {_short(rows.min())} to {_short(rows.max())}"
    if rows.min() < -tolerance or rows.max() > 1 + tolerance:
        return ranges
    if sum_to_one and np.abs(sums - 1).max() > tolerance:
        return f"{ranges} that sum to {_short(sums[np.abs(sums - 1).argmax()])}"
    return None


def _short(number: Any) -> str:
    return f"{number:.3g}"
