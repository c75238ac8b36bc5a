"""The augmenter applies every setting in its order; an image depends on no other row."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from laketrain.config.augment import Augment, Flip
from laketrain.errors import DataError
from laketrain.features import FeatureSet
from laketrain.feed import LanePlan
from laketrain.feed.augment import Augmenter
from laketrain.feed.augment.cutout import cutout_boxes, erase

from .pictures import pictures

PLAN = LanePlan(64, 32, 8, block_rows=4, window_blocks=2, seed=9)


def augmenter(settings: Augment, channels: int = 3, statistics: dict[str, float] | None = None) -> Augmenter:
    features = FeatureSet.model_validate({
        "image": {"kind": "image", "shape": [9, 7, channels], "statistics": statistics},
        "label": {"kind": "label", "classes": 5}})
    return Augmenter.of(dict(features.items()), PLAN, settings)


def test_a_setting_does_not_change_the_draws_of_the_others() -> None:
    images, rows = pictures(12), np.arange(12)
    cropped = augmenter(Augment(crop=2)).augment("image", images, 0, rows)
    both = augmenter(Augment(crop=2, cutout=3)).augment("image", images, 0, rows)
    boxes = cutout_boxes(3, PLAN.seed, 0, rows, (9, 7))
    erase(cropped, boxes, 0)
    np.testing.assert_array_equal(both, cropped)


def test_saturation_needs_colours() -> None:
    with pytest.raises(DataError, match=r"augment\.saturation.*no input is an RGB or RGBA image"):
        augmenter(Augment(saturation=0.1), channels=1)


@pytest.mark.parametrize(("statistics", "value"), [({"mean": 0.4, "std": 0.2}, 102), (None, 0)])
def test_erased_pixels_have_the_train_splits_mean_if_it_is_known(statistics, value: int) -> None:
    images = np.full((3, 9, 7, 3), 200, np.uint8)
    seen = augmenter(Augment(cutout=4), statistics=statistics).augment("image", images, 0, np.arange(3))
    assert set(np.unique(seen)) == {value, 200}
    assert (images == 200).all()  # the input is not changed


@pytest.mark.slow
@given(seed=st.integers(0, 100), cut=st.integers(0, 30))
def test_an_image_depends_on_no_other_row(seed: int, cut: int) -> None:
    every = Augment(rotate=9, flip=Flip(horizontal=0.5, vertical=0.5), crop=2, brightness=0.3, contrast=0.3,
                    saturation=0.3, cutout=3)
    images, order, seen = pictures(30), np.random.default_rng(seed).permutation(30), augmenter(every)
    whole = seen.augment("image", images, 4, np.arange(30))
    parts = [seen.augment("image", images[rows], 4, rows) for rows in (order[:cut], order[cut:]) if len(rows)]
    np.testing.assert_array_equal(whole[order], np.concatenate(parts))


def test_without_settings_images_are_returned_unchanged() -> None:
    images = pictures(3)
    assert augmenter(Augment()).augment("image", images, 0, np.arange(3)) is images
