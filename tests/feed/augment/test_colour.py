"""Brightness, contrast and saturation equal the same operations one by one in floats."""

from __future__ import annotations

import numpy as np
import pytest

from laketrain.config.augment import Augment
from laketrain.feed.augment.colour import adjust_colours, colour_factors
from laketrain.feed.augment.stateless_random import COLOUR, stateless_uniform

from .pictures import pictures


def coloured(image: np.ndarray, bright: float, contrast: float, saturation: float) -> np.ndarray:
    """The three operations in floats, in the order of torchvision's ColorJitter."""
    grey = np.array([0.299, 0.587, 0.114])
    result = image.astype(float) * bright
    result = contrast * result + (1 - contrast) * (result @ grey).mean()
    result = saturation * result + (1 - saturation) * (result @ grey)[..., None]
    return np.clip(result, 0, 255)


def test_brightness_is_applied_before_contrast_before_saturation() -> None:
    images, rows = pictures(40), np.arange(40)
    factors = colour_factors(Augment(brightness=0.4, contrast=0.5, saturation=0.9), 3, 1, rows)
    assert (np.abs(factors - 1) <= [0.4, 0.5, 0.9]).all()
    np.testing.assert_array_equal(factors, 1 + (2 * stateless_uniform(3, 1, rows, 3, COLOUR) - 1) * [0.4, 0.5, 0.9])
    for image, factor, seen in zip(images, factors, adjust_colours(images, factors), strict=True):
        np.testing.assert_allclose(seen, coloured(image, *factor), atol=1.2)


@pytest.mark.parametrize("channels", [1, 2, 4, 6])
def test_images_that_are_not_rgb_use_the_mean_of_all_channels_and_alpha_stays(channels: int) -> None:
    images = pictures(8, channels=channels)
    factors = colour_factors(Augment(brightness=0.4, contrast=0.5), 3, 1, np.arange(8))
    seen = adjust_colours(images, factors)
    assert seen.dtype == np.uint8
    for image, factor, result in zip(images, factors, seen, strict=True):
        if channels == 4:
            np.testing.assert_array_equal(result[..., 3], image[..., 3])
            np.testing.assert_allclose(result[..., :3], coloured(image[..., :3], *factor), atol=1.2)
        else:
            light = image * factor[0]
            expected = np.clip(factor[1] * light + (1 - factor[1]) * light.mean(), 0, 255)
            np.testing.assert_allclose(result, expected, atol=1.2)


def test_saturation_0_makes_images_grey() -> None:
    seen = adjust_colours(pictures(4), np.array([[1.0, 1.0, 0.0]] * 4)).astype(int)
    assert np.abs(seen - seen[..., :1]).max() <= 1
