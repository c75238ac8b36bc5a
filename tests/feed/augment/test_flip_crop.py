"""Flips and crops equal plain indexing."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from laketrain.config.augment import Flip
from laketrain.feed.augment.flip_crop import crop, crop_offsets, flip, flip_flags

from .pictures import pictures

SEEDS = st.integers(0, 2**63 - 1)


@given(across=st.booleans(), down=st.booleans())
def test_a_flipped_image_is_reversed(across: bool, down: bool) -> None:
    image = pictures(1)
    seen = flip(image, np.array([[across, down]]))
    expected = image[0, :: -1 if down else 1, :: -1 if across else 1]
    np.testing.assert_array_equal(seen[0], expected)


def test_flips_have_their_probability() -> None:
    result = flip_flags(Flip(horizontal=0.5, vertical=0.1), 1, 0, np.arange(20_000))
    assert result.mean(axis=0) == pytest.approx([0.5, 0.1], abs=0.015)
    assert flip_flags(Flip(horizontal=1), 1, 0, np.arange(50)).tolist() == [[True, False]] * 50


@given(border=st.integers(1, 12), seed=SEEDS)
def test_a_crop_is_a_part_of_the_padded_image(border: int, seed: int) -> None:
    images, offsets = pictures(5), crop_offsets(border, seed, 0, np.arange(5))
    for image, (down, across), seen in zip(images, offsets, crop(images, offsets, border), strict=True):
        for y in range(9):
            for x in range(7):
                from_y, from_x = y + down - border, x + across - border
                inside = 0 <= from_y < 9 and 0 <= from_x < 7
                assert (seen[y, x] == (image[from_y, from_x] if inside else 0)).all()


def test_crop_offsets_are_uniform() -> None:
    offsets = crop_offsets(4, 5, 2, np.arange(18_000))
    for column in offsets.T:
        counts = np.bincount(column, minlength=9)
        assert len(counts) == 9
        assert ((counts - 2000.0) ** 2 / 2000).sum() < 30  # 8 degrees of freedom
