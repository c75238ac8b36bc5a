"""Motions of whole pixels: mirrored images, and random crops of images that a black border was put around.

    cropped(images, crop_offsets(4, seed=7, epoch=3, rows=rows), 4)

Nothing is interpolated. Draws are those of `laketrain.feed.augment`.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from laketrain.config.augment import Flip
from laketrain.feed.augment import CROP, FLIP, uniform

Pixels = npt.NDArray[np.uint8]


def mirrors(flip: Flip, seed: int, epoch: int, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    """(n, 2) whether left and right, and whether top and bottom, change places."""
    return np.asarray(uniform(seed, epoch, rows, 2, FLIP) < (flip.horizontal, flip.vertical))


def mirrored(images: Pixels, mirror: npt.NDArray[np.bool_]) -> Pixels:
    """(n, h, w, c) images, mirrored as (n, 2) says."""
    found = images.copy()
    sideways, upside = mirror.T
    found[sideways] = found[sideways, :, ::-1]
    found[upside] = found[upside, ::-1]
    return found


def crop_offsets(border: int, seed: int, epoch: int, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """(n, 2) where the crop begins in the bordered image, down and across, each in 0 … 2 * border."""
    return (uniform(seed, epoch, rows, 2, CROP) * (2 * border + 1)).astype(np.int64)


def cropped(images: Pixels, offsets: npt.NDArray[np.int64], border: int) -> Pixels:
    """(n, h, w, c): of each image with `border` black pixels around it the part of its own size at (n, 2) `offsets`."""
    bordered = np.pad(images, ((0, 0), (border, border), (border, border), (0, 0)))
    parts = np.lib.stride_tricks.sliding_window_view(  # type: ignore[call-overload]
        bordered, images.shape[1:], axis=(1, 2, 3))
    return np.asarray(parts[np.arange(len(images)), offsets[:, 0], offsets[:, 1], 0])
