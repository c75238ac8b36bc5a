"""Random brightness, contrast and saturation, drawn for each row and epoch as all of `laketrain.feed.augment` is.

    recoloured(images, colour_factors(settings, seed=7, epoch=3, rows=rows))

The three changes are one weighted sum of a pixel, its grey and the image's mean grey: a small matrix an image, which
OpenCV applies seven times quicker than NumPy does. It rounds the weights too, so a value may be off by one.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from laketrain.config.augment import Augment
from laketrain.feed.augment import COLOUR, uniform

GREY = np.array([0.299, 0.587, 0.114])
"""The parts of red, green and blue in a grey (ITU-R BT.601)."""


def colour_factors(settings: Augment, seed: int, epoch: int,
                   rows: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """(n, 3) factors of brightness, contrast and saturation, each in 1 ± its bound."""
    draws = 2 * uniform(seed, epoch, rows, 3, COLOUR) - 1
    return np.asarray(1 + draws * (settings.brightness, settings.contrast, settings.saturation))


def recoloured(images: npt.NDArray[np.uint8], factors: npt.NDArray[np.float64]) -> npt.NDArray[np.uint8]:
    """(n, h, w, c) images with their (n, 3) factors applied: brightness first, then contrast about the image's mean
    grey, then saturation about each pixel's grey; only the result is rounded and cut to 0 … 255.

    The grey of RGB and RGBA images is their luma, and alpha stays. Other images have no colours: saturation changes
    nothing, and contrast is about the mean of all channels.
    """
    count, height, width, channels = images.shape
    coloured = channels in (3, 4)
    matrices = _of_colours(images, factors) if coloured else _of_greys(images, factors)
    found = np.empty_like(images)
    shape = (count, height, width, channels) if coloured else (count, height, width * channels)
    for image, matrix, target in zip(images.reshape(shape), matrices, found.reshape(shape), strict=True):
        cv2.transform(image, matrix, dst=target)
    return found


def _of_colours(images: npt.NDArray[np.uint8], factors: npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
    """(n, c, c + 1) from a pixel's channels and 1 to its channels."""
    bright, contrast, saturation = factors.T[:, :, None, None]
    channels = images.shape[3]
    red, green, blue = _means(images).T[:3]
    mean = (red * GREY[0] + green * GREY[1] + blue * GREY[2])[:, None]
    matrices = np.zeros((len(images), channels, channels + 1), np.float32)
    matrices[:, :3, :3] = contrast * bright * (saturation * np.eye(3) + (1 - saturation) * GREY)
    matrices[:, :3, channels] = ((1 - contrast) * bright)[:, 0] * mean
    matrices[:, 3:, 3:channels] = 1
    return matrices


def _of_greys(images: npt.NDArray[np.uint8], factors: npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
    """(n, 1, 2) from a value and 1 to a value."""
    bright, contrast, _ = factors.T
    mean = _means(images).mean(axis=1)
    return np.stack([contrast * bright, (1 - contrast) * bright * mean], axis=1)[:, None].astype(np.float32)


def _means(images: npt.NDArray[np.uint8]) -> npt.NDArray[np.float64]:
    """(n, c). Sums of whole numbers are exact, so they depend on nothing but the image."""
    count, height, width, channels = images.shape
    # Down first, in long rows: nine times quicker than both at once.
    sums = images.reshape(count, height, -1).sum(axis=1, dtype=np.uint32).reshape(count, width, channels)
    return np.asarray(sums.sum(axis=1, dtype=np.int64) / (height * width))
