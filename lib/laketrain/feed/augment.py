"""Random views of images, drawn for each row and epoch by the seed: the same on any number of ranks, and when resumed.

    settings = Augment(rotate=10, zoom=0.12, shift=2, shear=0.2)
    affine_transforms(settings, seed=7, epoch=3, rows=rows, shape=(28, 28))     # (n, 8)

The draws are a hash of (seed, epoch, row), no generator's state, so no order of calls and no cut of the data matters.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from laketrain.config.augment import Augment

# Which draws a random stream serves: each has its own, so that switching one setting on changes no other's draws.
VIEW, FLIP, CROP, COLOUR, CUTOUT, PARTNER, SHARE, BOX = range(8)

_DRAWS = 5
_INCREMENT = 0x9E3779B97F4A7C15


def affine_transforms(
    settings: Augment, seed: int, epoch: int, rows: npt.NDArray[np.int64], shape: tuple[int, int]
) -> npt.NDArray[np.float32]:
    """One affine transform a row, about the image's centre.

    Args:
        rows: (n,) global row numbers. shape: height and width in pixels.

    Returns:
        (n, 8) as TensorFlow's ImageProjectiveTransformV3 takes them: from a pixel of the result to one of the image.
    """
    draws = 2 * uniform(seed, epoch, rows, _DRAWS) - 1
    angle = np.deg2rad(settings.rotate) * draws[:, 0]
    scale = 1 + settings.zoom * draws[:, 1]
    across, down = settings.shift * draws[:, 2], settings.shift * draws[:, 3]
    middle_y, middle_x = (shape[0] - 1) / 2, (shape[1] - 1) / 2
    lean = settings.shear * draws[:, 4]
    cosine, sine, zero = scale * np.cos(angle), scale * np.sin(angle), np.zeros(len(rows))
    x_of_x, x_of_y = cosine, lean * cosine - sine
    y_of_x, y_of_y = sine, lean * sine + cosine
    return np.stack([
        x_of_x, x_of_y, middle_x + across - x_of_x * middle_x - x_of_y * middle_y,
        y_of_x, y_of_y, middle_y + down - y_of_x * middle_x - y_of_y * middle_y,
        zero, zero,
    ], axis=1).astype(np.float32)


def uniform(seed: int, epoch: int, rows: npt.NDArray[np.int64], draws: int,
            stream: int = VIEW) -> npt.NDArray[np.float64]:
    """(n, draws) numbers in [0, 1), each a function of seed, epoch, stream, row and place alone: SplitMix64's finaliser
    over a counter (Steele, Lea and Flood 2014)."""
    with np.errstate(over="ignore"):
        start = _mixed(_mixed(np.full(1, seed, np.uint64)) + np.uint64(epoch))
        if stream:
            start = _mixed(start + np.uint64(stream))
        counter = rows.astype(np.uint64)[:, None] * np.uint64(draws) + np.arange(1, draws + 1, dtype=np.uint64)
        return (_mixed(start + counter * np.uint64(_INCREMENT)) >> np.uint64(11)) / 2.0**53


def _mixed(values: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))
