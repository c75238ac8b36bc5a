"""What a model says must be what its targets are read as: of a label a distribution, of a multilabel probabilities.

    doubt = doubt_of(features["species"], said)        # None, or "3.78 to -0.22, and rows that sum to 4.1"

Losses, metrics, evaluation and predictions take a model at its word. Logits would train after a fashion and be passed
on as probabilities, so they are found here, in NumPy, before an epoch is spent.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from laketrain.features import Feature, Label, Multilabel

WANTED = {"label": "a distribution over its classes: rows of numbers from 0 that sum to 1",
          "multilabel": "probabilities: numbers from 0 to 1"}
_FINE, _COARSE = 1e-3, 0.02
"""How far off float32, and types of 16 bits, may be: a softmax in bfloat16 has three digits."""


def doubt_of(feature: Feature, said: npt.NDArray[Any], coarse: bool = False) -> str | None:
    """What shows that `said`, (n, *shape), is not what the target is read as; None where nothing does. Rows with
    numbers that are not finite show nothing.

    Args:
        coarse: whether it was computed in 16 bits.
    """
    rows = said.reshape(len(said), -1).astype(np.float64)
    rows = rows[np.isfinite(rows).all(axis=1)]
    if not isinstance(feature, Label | Multilabel) or not len(rows):
        return None
    off = _COARSE if coarse else _FINE
    sums = rows.sum(axis=1)
    ranges = f"numbers from {_short(rows.min())} to {_short(rows.max())}"
    if rows.min() < -off or rows.max() > 1 + off:
        return ranges
    if isinstance(feature, Label) and np.abs(sums - 1).max() > off:
        return f"{ranges} that sum to {_short(sums[np.abs(sums - 1).argmax()])}"
    return None


def _short(number: Any) -> str:
    return f"{number:.3g}"
