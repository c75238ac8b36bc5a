"""Mixtures of two rows: mixup (Zhang et al. 2018) and CutMix (Yun et al. 2019), the same on any number of ranks.

    mix = Mix.of(settings, seed=7, epoch=3, rows=rows, valid=valid, shape=(32, 32))
    mix.images(images), mix.labels(labels, 10, weights), mix.weights(weights)

Rows are mixed within a lane's slice of a step, which always belongs to one rank. A random order makes a ring of the
slice's rows, and each row is mixed with the next one. So each row is the partner of exactly one other, and of itself
only if it is alone. Padding is not mixed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import betaincinv

from laketrain.config.augment import Augment
from laketrain.feed.augment.cutout import Boxes, box_areas, boxes_around, paste
from laketrain.feed.augment.stateless_random import BOX, PARTNER, SHARE, stateless_uniform

PARTS = 256
"""Shares of mixup are multiples of 1 / PARTS, so that pixels are mixed in integers and labels by exactly that share."""


@dataclass(frozen=True)
class Mix:
    """How n rows are mixed.

    Attributes:
        partner: (n,) the index of the row that each one is mixed with; its own index where it isn't mixed.
        parts: (n,) 0 … 256, the share of a row's own pixels outside of its box, in parts of 256.
        boxes: (n, 4) the box of the partner's pixels; an empty box with mixup.
        share: (n,) float32, the share of a row's own label.
    """

    partner: npt.NDArray[np.int64]
    parts: npt.NDArray[np.uint16]
    boxes: Boxes
    share: npt.NDArray[np.float32]

    @classmethod
    def of(cls, settings: Augment, seed: int, epoch: int, rows: npt.NDArray[np.int64], valid: npt.NDArray[np.bool_],
           shape: tuple[int, int]) -> Mix:
        """Draws how `rows` are mixed; the n rows of the result are the flattened groups.

        Args:
            rows: (groups, slice) global row numbers; rows are mixed within their group.
            valid: (groups, slice) False for rows that aren't mixed.
            shape: the image's height and width.
        """
        flat = rows.reshape(-1)
        quantile, switch = stateless_uniform(seed, epoch, flat, 2, SHARE).T
        pasted = switch < (0.5 if settings.mixup and settings.cutmix else float(settings.cutmix > 0))
        alpha = np.where(pasted, settings.cutmix, settings.mixup)
        ratio = betaincinv(alpha, alpha, quantile)
        sides = np.where(pasted, np.sqrt(1 - ratio), 0)[:, None] * np.array(shape)
        boxes = boxes_around(stateless_uniform(seed, epoch, flat, 2, BOX), np.rint(sides).astype(np.int64), shape)
        parts = np.where(pasted, PARTS, np.rint(ratio * PARTS)).astype(np.uint16)
        share = np.where(pasted, 1 - box_areas(boxes) / (shape[0] * shape[1]), parts / PARTS).astype(np.float32)
        draws = stateless_uniform(seed, epoch, flat, 1, PARTNER).reshape(rows.shape)
        return cls(partners(draws, valid), parts, boxes, share)

    def images(self, images: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
        """(n, h, w, c) mixed images, rounded to the nearest."""
        mixed = images.copy()
        averaged = np.flatnonzero(self.parts < PARTS)
        parts, others = self.parts[averaged, None, None, None], images[self.partner[averaged]]
        mixed[averaged] = (images[averaged] * parts + others * (PARTS - parts) + np.uint16(PARTS // 2)) >> np.uint16(8)
        paste(mixed, images, self.partner, self.boxes)
        return mixed

    def labels(self, labels: npt.NDArray[np.int64], classes: int,
               weights: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """(n, classes) shares that sum to 1.

        Each label's share is multiplied by its row's weight, (n,). So cross-entropy times `self.weights(weights)` is
        the weighted mean of both rows' own cross-entropy.
        """
        weighted = self.share * weights
        mixed = self.weights(weights)
        share = np.divide(weighted, mixed, out=self.share.copy(), where=mixed > 0)
        result = np.zeros((len(labels), classes), np.float32)
        rows = np.arange(len(labels))
        result[rows, labels] = share
        result[rows, labels[self.partner]] += 1 - share
        return result

    def weights(self, weights: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """(n,) row weights, mixed by the same shares as labels."""
        return self.share * weights + (1 - self.share) * weights[self.partner]


def partners(draws: npt.NDArray[np.float64], valid: npt.NDArray[np.bool_]) -> npt.NDArray[np.int64]:
    """(groups * slice,) the index of each row's successor in its group's ring; rows that aren't valid are their own.

    Args:
        draws: (groups, slice) in [0, 1), by which the ring is ordered. valid: (groups, slice).
    """
    groups, width = draws.shape
    order = np.argsort(np.where(valid, draws, 2.0), axis=1, kind="stable")  # draws are below 1: padding comes last
    count = valid.sum(axis=1, keepdims=True)
    index = np.arange(width)
    successor = np.where(index < count, np.where(index + 1 < count, index + 1, 0), index)
    result = np.empty((groups, width), np.int64)
    np.put_along_axis(result, order, np.take_along_axis(order, successor, axis=1), axis=1)
    return (result + width * np.arange(groups)[:, None]).reshape(-1)
