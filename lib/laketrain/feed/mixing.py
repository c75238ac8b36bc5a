"""Mixtures of two rows: mixup (Zhang et al. 2018) and CutMix (Yun et al. 2019), the same on any number of ranks.

    mix = Mix.of(settings, seed=7, epoch=3, rows=rows, real=real, shape=(32, 32))
    mix.images(images), mix.labels(labels, 10, weights), mix.weights(weights)

Rows are mixed within a lane's slice of a step, which always belongs to one rank. The slice's rows stand in a ring drawn
by the hash of `laketrain.feed.augment`, and each gets a share of the next: so each is a partner once, and none its
own unless it is alone. Rows of padding stand in no ring.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import betaincinv

from laketrain.config.augment import Augment
from laketrain.feed.augment import BOX, PARTNER, SHARE, uniform
from laketrain.feed.boxes import Boxes, areas, around, paste

PARTS = 256
"""Shares of mixup are whole parts of this many, so that pixels are mixed in whole numbers and labels exactly so too."""


@dataclass(frozen=True)
class Mix:
    """How n rows are mixed.

    Attributes:
        partner: (n,) the place of the row that each one gets a part of; its own for what isn't mixed.
        parts: (n,) 0 … 256, what a row keeps of its own pixels outside of its box.
        boxes: (n, 4) where the partner's pixels stand alone; an empty box with mixup.
        share: (n,) float32, what a row keeps of its own label.
    """

    partner: npt.NDArray[np.int64]
    parts: npt.NDArray[np.uint16]
    boxes: Boxes
    share: npt.NDArray[np.float32]

    @classmethod
    def of(cls, settings: Augment, seed: int, epoch: int, rows: npt.NDArray[np.int64], real: npt.NDArray[np.bool_],
           shape: tuple[int, int]) -> Mix:
        """For rows (groups, slice) of which those that are `real`, (groups, slice), are mixed within their group; the
        n rows of the result are the groups' one after the other. shape: the image's height and width."""
        flat = rows.reshape(-1)
        quantile, switch = uniform(seed, epoch, flat, 2, SHARE).T
        pasted = switch < (0.5 if settings.mixup and settings.cutmix else float(settings.cutmix > 0))
        alpha = np.where(pasted, settings.cutmix, settings.mixup)
        kept = betaincinv(alpha, alpha, quantile)
        sides = np.where(pasted, np.sqrt(1 - kept), 0)[:, None] * np.array(shape)
        boxes = around(uniform(seed, epoch, flat, 2, BOX), np.rint(sides).astype(np.int64), shape)
        parts = np.where(pasted, PARTS, np.rint(kept * PARTS)).astype(np.uint16)
        share = np.where(pasted, 1 - areas(boxes) / (shape[0] * shape[1]), parts / PARTS).astype(np.float32)
        draws = uniform(seed, epoch, flat, 1, PARTNER).reshape(rows.shape)
        return cls(partners(draws, real), parts, boxes, share)

    def images(self, images: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
        """(n, h, w, c) mixed, rounded to the nearest."""
        mixed = images.copy()
        averaged = np.flatnonzero(self.parts < PARTS)
        own, others = self.parts[averaged, None, None, None], images[self.partner[averaged]]
        mixed[averaged] = (images[averaged] * own + others * (PARTS - own) + np.uint16(PARTS // 2)) >> np.uint16(8)
        paste(mixed, images, self.partner, self.boxes)
        return mixed

    def labels(self, labels: npt.NDArray[np.int64], classes: int,
               weights: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """(n, classes) shares that sum to 1. With weights, (n,), of rows, each label's share goes by its row's weight,
        so that cross-entropy times `self.weights(weights)` is the mean of both rows' own, weighted."""
        own = self.share * weights
        both = self.weights(weights)
        share = np.divide(own, both, out=self.share.copy(), where=both > 0)
        found = np.zeros((len(labels), classes), np.float32)
        places = np.arange(len(labels))
        found[places, labels] = share
        found[places, labels[self.partner]] += 1 - share
        return found

    def weights(self, weights: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """(n,) the weights of rows, mixed as their labels are."""
        return self.share * weights + (1 - self.share) * weights[self.partner]


def partners(draws: npt.NDArray[np.float64], real: npt.NDArray[np.bool_]) -> npt.NDArray[np.int64]:
    """(groups * slice,) of each row the next in its group's ring; rows that aren't real are their own.

    Args:
        draws: (groups, slice) by which the ring is ordered. real: (groups, slice).
    """
    groups, width = draws.shape
    order = np.argsort(np.where(real, draws, 2.0), axis=1, kind="stable")  # draws are below 1: padding comes last
    count = real.sum(axis=1, keepdims=True)
    place = np.arange(width)
    following = np.where(place < count, np.where(place + 1 < count, place + 1, 0), place)
    found = np.empty((groups, width), np.int64)
    np.put_along_axis(found, order, np.take_along_axis(order, following, axis=1), axis=1)
    return (found + width * np.arange(groups)[:, None]).reshape(-1)
