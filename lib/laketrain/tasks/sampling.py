"""Rows spread evenly over many."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def spread(rows: int, most: int) -> npt.NDArray[np.int64]:
    """The numbers of at most `most` rows, spread evenly over all `rows`; ascending."""
    return np.unique(np.linspace(0, rows - 1, min(rows, most)).astype(np.int64))
