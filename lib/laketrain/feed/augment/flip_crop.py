"""Random flips, and random crops of images with a black border (Keras' RandomFlip, and RandomCrop after ZeroPadding2D).

    flip(images, flip_flags(settings.flip, seed=7, epoch=3, rows=rows))
    crop(images, crop_offsets(4, seed=7, epoch=3, rows=rows), 4)

Both move whole pixels, so nothing is interpolated.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from laketrain.config.augment import Flip
from laketrain.feed.augment.stateless_random import CROP, FLIP, stateless_uniform

Pixels = npt.NDArray[np.uint8]


def flip_flags(settings: Flip, seed: int, epoch: int, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    """(n, 2) whether to flip each row's image horizontally, and vertically."""
    return np.asarray(stateless_uniform(seed, epoch, rows, 2, FLIP) < (settings.horizontal, settings.vertical))


def flip(images: Pixels, flags: npt.NDArray[np.bool_]) -> Pixels:
    """(n, h, w, c) images, flipped by their (n, 2) flags: horizontally, vertically."""
    result = images.copy()
    horizontal, vertical = flags.T
    result[horizontal] = result[horizontal, :, ::-1]
    result[vertical] = result[vertical, ::-1]
    return result


def crop_offsets(border: int, seed: int, epoch: int, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """(n, 2) top and left of the crop in the bordered image, each in 0 … 2 * border."""
    return (stateless_uniform(seed, epoch, rows, 2, CROP) * (2 * border + 1)).astype(np.int64)


def crop(images: Pixels, offsets: npt.NDArray[np.int64], border: int) -> Pixels:
    """(n, h, w, c) crops of the images' own size, at (n, 2) `offsets` of the images with `border` black pixels
    around."""
    bordered = np.pad(images, ((0, 0), (border, border), (border, border), (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(bordered, images.shape[1:], axis=(1, 2, 3))
    return np.asarray(windows[np.arange(len(images)), offsets[:, 0], offsets[:, 1], 0])
