"""Boxes in images: what is erased (cutout, DeVries and Taylor 2017), and where another image is pasted (CutMix).

    erase(images, squares(16, seed=7, epoch=3, rows=rows, shape=(32, 32)), value=33)

Boxes are copied an image at a time, as slices: a mask would visit every pixel, which takes several times as long.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from laketrain.feed.augment import CUTOUT, uniform

Boxes = npt.NDArray[np.int64]
"""(n, 4): top, bottom, left, right of each box inside its image; bottom and right are the first pixel beyond."""


def squares(side: int, seed: int, epoch: int, rows: npt.NDArray[np.int64], shape: tuple[int, int]) -> Boxes:
    """A square of `side` pixels a row, centred on any pixel; what lies outside of the image is cut off."""
    sides = np.full((len(rows), 2), side)
    return around(uniform(seed, epoch, rows, 2, CUTOUT), sides, shape)


def around(centres: npt.NDArray[np.float64], sides: npt.NDArray[np.int64], shape: tuple[int, int]) -> Boxes:
    """Boxes from centres, (n, 2) down and across in [0, 1), and sides, (n, 2) in pixels, cut off at the image."""
    limits = np.array(shape)
    first = np.floor(centres * limits).astype(np.int64) - sides // 2
    start, stop = np.clip(first, 0, limits), np.clip(first + sides, 0, limits)
    return np.stack([start[:, 0], stop[:, 0], start[:, 1], stop[:, 1]], axis=1)


def erase(images: npt.NDArray[np.uint8], boxes: Boxes, value: int) -> None:
    """Fills each of the (n, h, w, c) images' box with `value`, in place."""
    for image, (top, bottom, left, right) in zip(images, boxes.tolist(), strict=True):
        image[top:bottom, left:right] = value


def paste(images: npt.NDArray[np.uint8], others: npt.NDArray[np.uint8], partner: npt.NDArray[np.int64],
          boxes: Boxes) -> None:
    """Fills each of the (n, h, w, c) images' box with what `others` has there at the place `partner`, in place."""
    for image, place, (top, bottom, left, right) in zip(images, partner.tolist(), boxes.tolist(), strict=True):
        image[top:bottom, left:right] = others[place, top:bottom, left:right]


def areas(boxes: Boxes) -> npt.NDArray[np.int64]:
    """(n,) pixels that each covers."""
    return np.asarray((boxes[:, 1] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 2]))
