"""Pixels as PNG data URIs."""

from __future__ import annotations

import base64
import io

import numpy as np
import pytest
from PIL import Image

from laketrain.report.png import LARGEST, heatmap, thumbnail


def picture(uri: str) -> Image.Image:
    head, _, data = uri.partition(",")
    assert head == "data:image/png;base64"
    return Image.open(io.BytesIO(base64.b64decode(data)))


@pytest.mark.parametrize(("channels", "mode"), [(1, "L"), (2, "L"), (3, "RGB"), (4, "RGBA"), (7, "RGB")])
def test_channels_are_shown_as_grey_rgb_or_rgba(channels: int, mode: str) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (5, 4, channels), np.uint8)
    result = picture(thumbnail(pixels))
    assert (result.mode, result.size) == (mode, (4, 5))
    shown = {"L": 1, "RGB": 3, "RGBA": 4}[mode]
    np.testing.assert_array_equal(np.asarray(result).reshape(5, 4, shown), pixels[..., :shown])


def test_a_large_picture_is_scaled_down() -> None:
    assert picture(thumbnail(np.zeros((1000, 500, 3), np.uint8))).size == (LARGEST // 2, LARGEST)


def test_right_and_wrong_cells_have_different_colours() -> None:
    result = np.asarray(picture(heatmap(np.array([[8, 2], [0, 0]]))))
    half = len(result) // 2
    right, wrong, empty = result[0, 0], result[0, half], result[half, half]
    assert right[:3].tolist() != wrong[:3].tolist()
    assert right[3] > wrong[3] > empty[3] == 0
