"""Random rotation, zoom, shift and shear of images, as one affine transform each.

    transforms = affine_transforms(settings, seed=7, epoch=3, rows=rows, shape=(28, 28))     # (n, 8)
    apply_affine(images, transforms)

Importing this module does not import TensorFlow; `apply_affine` does.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from laketrain.config.augment import Augment
from laketrain.feed.augment.stateless_random import AFFINE, stateless_uniform

_DRAWS = 5


def affine_transforms(
    settings: Augment, seed: int, epoch: int, rows: npt.NDArray[np.int64], shape: tuple[int, int]
) -> npt.NDArray[np.float32]:
    """One random transform a row, about the image's centre.

    Args:
        rows: (n,) global row numbers. shape: height and width in pixels.

    Returns:
        (n, 8) as TensorFlow's ImageProjectiveTransformV3 takes them: they map output pixels to input pixels.
    """
    draws = 2 * stateless_uniform(seed, epoch, rows, _DRAWS, AFFINE) - 1
    angle = np.deg2rad(settings.rotate) * draws[:, 0]
    scale = 1 + settings.zoom * draws[:, 1]
    shift_x, shift_y = settings.shift * draws[:, 2], settings.shift * draws[:, 3]
    centre_y, centre_x = (shape[0] - 1) / 2, (shape[1] - 1) / 2
    shear = settings.shear * draws[:, 4]
    cosine, sine, zero = scale * np.cos(angle), scale * np.sin(angle), np.zeros(len(rows))
    x_of_x, x_of_y = cosine, shear * cosine - sine
    y_of_x, y_of_y = sine, shear * sine + cosine
    return np.stack([
        x_of_x, x_of_y, centre_x + shift_x - x_of_x * centre_x - x_of_y * centre_y,
        y_of_x, y_of_y, centre_y + shift_y - y_of_x * centre_x - y_of_y * centre_y,
        zero, zero,
    ], axis=1).astype(np.float32)


def apply_affine(images: npt.NDArray[np.uint8], transforms: npt.NDArray[np.float32]) -> npt.NDArray[np.uint8]:
    """(n, h, w, c) images under their (n, 8) transforms; pixels from outside of the image are black."""
    import tensorflow as tf

    with tf.device("CPU:0"):
        result = tf.raw_ops.ImageProjectiveTransformV3(
            images=images, transforms=transforms, output_shape=images.shape[1:3], interpolation="BILINEAR",
            fill_mode="CONSTANT", fill_value=0.0)
    return np.asarray(result.numpy())
