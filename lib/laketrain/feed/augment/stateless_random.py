"""Random numbers that are a hash of (seed, epoch, row): no generator keeps state, so the order of calls is irrelevant.

    stateless_uniform(seed=7, epoch=3, rows=np.array([0, 1]), draws=2, stream=FLIP)      # (2, 2) in [0, 1)
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

# Each kind of draw has its own stream, so that a new setting doesn't change the draws of the others.
AFFINE, FLIP, CROP, COLOUR, CUTOUT, PARTNER, SHARE, BOX = range(8)

_INCREMENT = 0x9E3779B97F4A7C15


def stateless_uniform(seed: int, epoch: int, rows: npt.NDArray[np.int64], draws: int,
                      stream: int = AFFINE) -> npt.NDArray[np.float64]:
    """(n, draws) numbers in [0, 1). Each depends on seed, epoch, stream, row and its column alone.

    SplitMix64's finaliser over a counter (Steele, Lea and Flood 2014).
    """
    with np.errstate(over="ignore"):
        start = _hash(_hash(np.full(1, seed, np.uint64)) + np.uint64(epoch))
        if stream:
            start = _hash(start + np.uint64(stream))
        counter = rows.astype(np.uint64)[:, None] * np.uint64(draws) + np.arange(1, draws + 1).astype(np.uint64)
        return (_hash(start + counter * np.uint64(_INCREMENT)) >> np.uint64(11)) / 2.0**53


def _hash(values: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))
