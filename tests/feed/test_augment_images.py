"""Mirrors, crops, colours and erased squares are what their settings say, against plain loops; draws keep apart."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from laketrain.config.augment import Augment, Flip
from laketrain.errors import DataError
from laketrain.features import FeatureSet
from laketrain.feed import LanePlan
from laketrain.feed.augment import COLOUR, uniform
from laketrain.feed.boxes import areas, erase, squares
from laketrain.feed.colour import colour_factors, recoloured
from laketrain.feed.moves import crop_offsets, cropped, mirrored, mirrors
from laketrain.feed.views import Views

PLAN = LanePlan(64, 32, 8, block_rows=4, window_blocks=2, seed=9)
SEEDS = st.integers(0, 2**63 - 1)


def pictures(count: int, height: int = 9, width: int = 7, channels: int = 3) -> np.ndarray:
    return np.random.default_rng(count).integers(0, 256, (count, height, width, channels), np.uint8)


def views(settings: Augment, channels: int = 3, statistics: dict[str, float] | None = None) -> Views:
    features = FeatureSet.model_validate({
        "image": {"kind": "image", "shape": [9, 7, channels], "statistics": statistics},
        "label": {"kind": "label", "classes": 5}})
    return Views.of(dict(features.items()), PLAN, settings)


# ---- the draws


@given(seed=SEEDS, epoch=st.integers(0, 1000), row=st.integers(0, 10**9))
def test_each_stream_draws_its_own_numbers_and_the_first_stays_as_it_was(seed: int, epoch: int, row: int) -> None:
    drawn = [uniform(seed, epoch, np.array([row]), 2, stream)[0].tolist() for stream in range(8)]
    assert len({tuple(pair) for pair in drawn}) == 8
    assert drawn[0] == uniform(seed, epoch, np.array([row]), 2)[0].tolist()


def test_streams_tell_nothing_of_each_other() -> None:
    found = np.concatenate([uniform(3, 1, np.arange(20_000), 2, stream) for stream in range(8)], axis=1)
    assert np.abs(np.corrcoef(found.T) - np.eye(16)).max() < 0.035


def test_switching_one_change_on_leaves_the_draws_of_the_others(monkeypatch) -> None:
    images, rows = pictures(12), np.arange(12)
    cropped_only = views(Augment(crop=2)).view("image", images, 0, rows)
    both = views(Augment(crop=2, cutout=3)).view("image", images, 0, rows)
    boxes = squares(3, PLAN.seed, 0, rows, (9, 7))
    erase(cropped_only, boxes, 0)
    np.testing.assert_array_equal(both, cropped_only)


# ---- mirrors and crops


@given(across=st.booleans(), down=st.booleans())
def test_a_mirrored_image_reads_backwards(across: bool, down: bool) -> None:
    image = pictures(1)
    seen = mirrored(image, np.array([[across, down]]))
    wanted = image[0, :: -1 if down else 1, :: -1 if across else 1]
    np.testing.assert_array_equal(seen[0], wanted)


def test_mirrors_come_as_often_as_they_shall() -> None:
    found = mirrors(Flip(horizontal=0.5, vertical=0.1), 1, 0, np.arange(20_000))
    assert found.mean(axis=0) == pytest.approx([0.5, 0.1], abs=0.015)
    assert mirrors(Flip(horizontal=1), 1, 0, np.arange(50)).tolist() == [[True, False]] * 50


@given(border=st.integers(1, 12), seed=SEEDS)
def test_a_crop_is_a_part_of_the_bordered_image(border: int, seed: int) -> None:
    images, offsets = pictures(5), crop_offsets(border, seed, 0, np.arange(5))
    for image, (down, across), seen in zip(images, offsets, cropped(images, offsets, border), strict=True):
        for y in range(9):
            for x in range(7):
                from_y, from_x = y + down - border, x + across - border
                inside = 0 <= from_y < 9 and 0 <= from_x < 7
                assert (seen[y, x] == (image[from_y, from_x] if inside else 0)).all()


def test_crops_begin_anywhere_evenly() -> None:
    offsets = crop_offsets(4, 5, 2, np.arange(18_000))
    for column in offsets.T:
        counts = np.bincount(column, minlength=9)
        assert len(counts) == 9
        assert ((counts - 2000.0) ** 2 / 2000).sum() < 30  # 8 degrees of freedom


# ---- colours


def coloured(image: np.ndarray, bright: float, contrast: float, saturation: float) -> np.ndarray:
    """One after the other, in floats, as torchvision's ColorJitter has it."""
    grey = np.array([0.299, 0.587, 0.114])
    found = image.astype(float) * bright
    found = contrast * found + (1 - contrast) * (found @ grey).mean()
    found = saturation * found + (1 - saturation) * (found @ grey)[..., None]
    return np.clip(found, 0, 255)


def test_colours_are_brightness_then_contrast_then_saturation() -> None:
    images, rows = pictures(40), np.arange(40)
    factors = colour_factors(Augment(brightness=0.4, contrast=0.5, saturation=0.9), 3, 1, rows)
    assert (np.abs(factors - 1) <= [0.4, 0.5, 0.9]).all()
    np.testing.assert_array_equal(factors, 1 + (2 * uniform(3, 1, rows, 3, COLOUR) - 1) * [0.4, 0.5, 0.9])
    for image, factor, seen in zip(images, factors, recoloured(images, factors), strict=True):
        np.testing.assert_allclose(seen, coloured(image, *factor), atol=1.2)


@pytest.mark.parametrize("channels", [1, 2, 4, 6])
def test_other_channels_know_brightness_and_contrast_about_their_mean_and_alpha_stays(channels: int) -> None:
    images = pictures(8, channels=channels)
    factors = colour_factors(Augment(brightness=0.4, contrast=0.5), 3, 1, np.arange(8))
    seen = recoloured(images, factors)
    assert seen.dtype == np.uint8
    for image, factor, found in zip(images, factors, seen, strict=True):
        if channels == 4:
            np.testing.assert_array_equal(found[..., 3], image[..., 3])
            np.testing.assert_allclose(found[..., :3], coloured(image[..., :3], *factor), atol=1.2)
        else:
            light = image * factor[0]
            wanted = np.clip(factor[1] * light + (1 - factor[1]) * light.mean(), 0, 255)
            np.testing.assert_allclose(found, wanted, atol=1.2)


def test_without_saturation_a_grey_picture_is_what_is_left() -> None:
    seen = recoloured(pictures(4), np.array([[1.0, 1.0, 0.0]] * 4)).astype(int)
    assert np.abs(seen - seen[..., :1]).max() <= 1


def test_saturation_of_images_without_colours_is_refused() -> None:
    with pytest.raises(DataError, match=r"augment\.saturation.*no input is an RGB or RGBA image"):
        views(Augment(saturation=0.1), channels=1)


# ---- erased squares


@given(side=st.integers(1, 20), seed=SEEDS)
def test_a_square_is_centred_in_the_image_and_cut_off_at_its_edge(side: int, seed: int) -> None:
    boxes = squares(side, seed, 0, np.arange(20), (9, 7))
    for top, bottom, left, right in boxes:
        for start, stop, limit in ((top, bottom, 9), (left, right, 7)):
            assert 0 <= start < stop <= limit
            assert stop - start == side or start == 0 or stop == limit
            assert stop - start >= min(limit, (side + 1) // 2)
    images = np.zeros((20, 9, 7, 2), np.uint8)
    erase(images, boxes, 9)
    assert ((images == 9).sum(axis=(1, 2, 3)) == 2 * areas(boxes)).all()


@pytest.mark.parametrize(("statistics", "value"), [({"mean": 0.4, "std": 0.2}, 102), (None, 0)])
def test_what_is_erased_is_the_train_splits_mean_where_that_is_known(statistics, value: int) -> None:
    images = np.full((3, 9, 7, 3), 200, np.uint8)
    seen = views(Augment(cutout=4), statistics=statistics).view("image", images, 0, np.arange(3))
    assert set(np.unique(seen)) == {value, 200}
    assert (images == 200).all()  # the stored rows are not written to


# ---- all together


@pytest.mark.slow
@given(seed=st.integers(0, 100), cut=st.integers(0, 30))
def test_a_view_depends_on_no_other_row(seed: int, cut: int) -> None:
    every = Augment(rotate=9, flip=Flip(horizontal=0.5, vertical=0.5), crop=2, brightness=0.3, contrast=0.3,
                    saturation=0.3, cutout=3)
    images, order, seen = pictures(30), np.random.default_rng(seed).permutation(30), views(every)
    whole = seen.view("image", images, 4, np.arange(30))
    parts = [seen.view("image", images[rows], 4, rows) for rows in (order[:cut], order[cut:]) if len(rows)]
    np.testing.assert_array_equal(whole[order], np.concatenate(parts))


def test_without_settings_an_image_stays_itself() -> None:
    images = pictures(3)
    assert views(Augment()).view("image", images, 0, np.arange(3)) is images
