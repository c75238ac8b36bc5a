"""Boxes of cutout are centred in the image and clipped to it."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from laketrain.feed.augment.cutout import box_areas, cutout_boxes, erase

SEEDS = st.integers(0, 2**63 - 1)


@given(side=st.integers(1, 20), seed=SEEDS)
def test_a_square_is_centred_in_the_image_and_clipped_to_it(side: int, seed: int) -> None:
    boxes = cutout_boxes(side, seed, 0, np.arange(20), (9, 7))
    for top, bottom, left, right in boxes:
        for start, stop, limit in ((top, bottom, 9), (left, right, 7)):
            assert 0 <= start < stop <= limit
            assert stop - start == side or start == 0 or stop == limit
            assert stop - start >= min(limit, (side + 1) // 2)
    images = np.zeros((20, 9, 7, 2), np.uint8)
    erase(images, boxes, 9)
    assert ((images == 9).sum(axis=(1, 2, 3)) == 2 * box_areas(boxes)).all()
