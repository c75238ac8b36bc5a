"""Random brightness, contrast and saturation of images (Keras' RandomColorJitter).

    adjust_colours(images, colour_factors(settings, seed=7, epoch=3, rows=rows))

The three changes are one weighted sum of a pixel, its grey value and the image's mean grey: a small matrix an image.
OpenCV applies it seven times faster than NumPy does. It rounds the weights too, so a value may be off by one.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from laketrain.config.augment import Augment
from laketrain.feed.augment.stateless_random import COLOUR, stateless_uniform

GREY = np.array([0.299, 0.587, 0.114])
"""The weights of red, green and blue in a grey value (ITU-R BT.601)."""


def colour_factors(settings: Augment, seed: int, epoch: int,
                   rows: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """(n, 3) random factors of brightness, contrast and saturation, each in 1 ± its setting."""
    draws = 2 * stateless_uniform(seed, epoch, rows, 3, COLOUR) - 1
    return np.asarray(1 + draws * (settings.brightness, settings.contrast, settings.saturation))


def adjust_colours(images: npt.NDArray[np.uint8], factors: npt.NDArray[np.float64]) -> npt.NDArray[np.uint8]:
    """Applies (n, 3) factors to (n, h, w, c) images: brightness first, then contrast about the image's mean grey, then
    saturation about each pixel's grey. Only the result is rounded and clipped to 0 … 255.

    The grey of RGB and RGBA images is their luma, and alpha stays. Other images have no colours: saturation doesn't
    change them, and contrast is about the mean of all channels.
    """
    count, height, width, channels = images.shape
    coloured = channels in (3, 4)
    matrices = _colour_matrices(images, factors) if coloured else _grey_matrices(images, factors)
    result = np.empty_like(images)
    shape = (count, height, width, channels) if coloured else (count, height, width * channels)
    for image, matrix, target in zip(images.reshape(shape), matrices, result.reshape(shape), strict=True):
        cv2.transform(image, matrix, dst=target)
    return result


def _colour_matrices(images: npt.NDArray[np.uint8], factors: npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
    """(n, c, c + 1) from a pixel's channels and 1 to its channels."""
    bright, contrast, saturation = factors.T[:, :, None, None]
    channels = images.shape[3]
    red, green, blue = _channel_means(images).T[:3]
    mean = (red * GREY[0] + green * GREY[1] + blue * GREY[2])[:, None]
    matrices = np.zeros((len(images), channels, channels + 1), np.float32)
    matrices[:, :3, :3] = contrast * bright * (saturation * np.eye(3) + (1 - saturation) * GREY)
    matrices[:, :3, channels] = ((1 - contrast) * bright)[:, 0] * mean
    matrices[:, 3:, 3:channels] = 1
    return matrices


def _grey_matrices(images: npt.NDArray[np.uint8], factors: npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
    """(n, 1, 2) from a value and 1 to a value."""
    bright, contrast, _ = factors.T
    mean = _channel_means(images).mean(axis=1)
    return np.stack([contrast * bright, (1 - contrast) * bright * mean], axis=1)[:, None].astype(np.float32)


def _channel_means(images: npt.NDArray[np.uint8]) -> npt.NDArray[np.float64]:
    """(n, c). Sums of integers are exact, so a mean depends on its image alone."""
    count, height, width, channels = images.shape
    # Down first, in long rows: nine times faster than both axes at once.
    sums = images.reshape(count, height, -1).sum(axis=1, dtype=np.uint32).reshape(count, width, channels)
    return np.asarray(sums.sum(axis=1, dtype=np.int64) / (height * width))
