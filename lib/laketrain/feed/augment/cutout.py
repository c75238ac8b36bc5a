"""Boxes in images: erased by cutout (DeVries and Taylor 2017), replaced by another image's pixels in CutMix.

    erase(images, cutout_boxes(16, seed=7, epoch=3, rows=rows, shape=(32, 32)), value=33)

Each box is copied as a slice of its image. A mask would visit every pixel, which is several times slower.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from laketrain.feed.augment.stateless_random import CUTOUT, stateless_uniform

Boxes = npt.NDArray[np.int64]
"""(n, 4) top, bottom, left and right of each box inside its image; bottom and right are exclusive."""


def cutout_boxes(side: int, seed: int, epoch: int, rows: npt.NDArray[np.int64], shape: tuple[int, int]) -> Boxes:
    """A random square of `side` pixels a row, centred on any pixel and clipped to the image's (height, width)."""
    sides = np.full((len(rows), 2), side)
    return boxes_around(stateless_uniform(seed, epoch, rows, 2, CUTOUT), sides, shape)


def boxes_around(centres: npt.NDArray[np.float64], sides: npt.NDArray[np.int64], shape: tuple[int, int]) -> Boxes:
    """Boxes clipped to the image.

    Args:
        centres: (n, 2) y and x in [0, 1). sides: (n, 2) height and width in pixels. shape: the image's.
    """
    limits = np.array(shape)
    first = np.floor(centres * limits).astype(np.int64) - sides // 2
    start, stop = np.clip(first, 0, limits), np.clip(first + sides, 0, limits)
    return np.stack([start[:, 0], stop[:, 0], start[:, 1], stop[:, 1]], axis=1)


def erase(images: npt.NDArray[np.uint8], boxes: Boxes, value: int) -> None:
    """Fills the box of each of the (n, h, w, c) images with `value`, in place."""
    for image, (top, bottom, left, right) in zip(images, boxes.tolist(), strict=True):
        image[top:bottom, left:right] = value


def paste(images: npt.NDArray[np.uint8], others: npt.NDArray[np.uint8], partner: npt.NDArray[np.int64],
          boxes: Boxes) -> None:
    """Fills the box of each of the (n, h, w, c) images with the same box of `others[partner]`, in place."""
    for image, index, (top, bottom, left, right) in zip(images, partner.tolist(), boxes.tolist(), strict=True):
        image[top:bottom, left:right] = others[index, top:bottom, left:right]


def box_areas(boxes: Boxes) -> npt.NDArray[np.int64]:
    """(n,) pixels in each box."""
    return np.asarray((boxes[:, 1] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 2]))
