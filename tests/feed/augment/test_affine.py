"""Affine transforms depend only on seed, epoch and row, stay within their settings, and equal SciPy's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage

from laketrain.config.augment import Augment
from laketrain.feed import LanePlan, array_batches, as_tf_dataset
from laketrain.feed.augment.affine import affine_transforms, apply_affine
from laketrain.feed.augment.stateless_random import stateless_uniform

ALL = Augment(rotate=25, zoom=0.2, shift=3, shear=0.2)
IDENTITY = [1, 0, 0, 0, 1, 0, 0, 0]
SEEDS = st.integers(0, 2**63 - 1)


@given(rows=st.lists(st.integers(0, 10**9), min_size=1, max_size=40), seed=SEEDS, epoch=st.integers(0, 1000),
       random=st.randoms(use_true_random=False))
def test_a_transform_depends_on_no_other_row(rows: list[int], seed: int, epoch: int, random: Any) -> None:
    whole = affine_transforms(ALL, seed, epoch, np.array(rows), (28, 20))
    order = random.sample(range(len(rows)), len(rows))
    cut = random.randint(0, len(rows))
    shuffled = np.concatenate([affine_transforms(ALL, seed, epoch, np.array(part, np.int64), (28, 20))
                               for part in ([rows[i] for i in order[:cut]], [rows[i] for i in order[cut:]])])
    np.testing.assert_array_equal(whole[order], shuffled)


@given(seed=SEEDS, epoch=st.integers(0, 1000), rows=st.lists(st.integers(0, 10**9), max_size=9),
       height=st.integers(1, 300), width=st.integers(1, 300))
def test_without_settings_the_transform_is_the_identity(seed: int, epoch: int, rows: list[int], height: int,
                                                        width: int) -> None:
    result = affine_transforms(Augment(), seed, epoch, np.array(rows, np.int64), (height, width))
    np.testing.assert_array_equal(result, np.tile(np.array(IDENTITY, np.float32), (len(rows), 1)))


@given(rotate=st.floats(0, 180), zoom=st.floats(0, 0.9), shift=st.floats(0, 10), seed=SEEDS)
def test_transforms_stay_within_their_settings(rotate: float, zoom: float, shift: float, seed: int) -> None:
    height, width = 11, 31
    settings = Augment(rotate=rotate, zoom=zoom, shift=shift)
    for a, b, x, c, d, y, *rest in affine_transforms(settings, seed, 0, np.arange(50), (height, width)).astype(float):
        assert rest == [0, 0]
        assert (a, b) == pytest.approx((d, -c), abs=1e-6)  # rotation and scale, no shear
        assert abs(np.hypot(a, c) - 1) <= zoom + 1e-5
        if np.hypot(a, c) > 0.05:
            assert abs(np.degrees(np.arctan2(c, a))) <= rotate + 1e-3
        middle = np.array([(width - 1) / 2, (height - 1) / 2])
        moved = [a * middle[0] + b * middle[1] + x, c * middle[0] + d * middle[1] + y] - middle
        assert np.abs(moved).max() <= shift + 1e-3


@pytest.mark.slow
@pytest.mark.parametrize("settings", [
    Augment(), Augment(rotate=30), Augment(zoom=0.3), Augment(shift=2.5), Augment(shear=0.4),
    Augment(rotate=12, zoom=0.12, shift=2, shear=0.2),
], ids=["none", "rotate", "zoom", "shift", "shear", "all"])
@pytest.mark.parametrize("channels", [1, 3])
def test_apply_affine_equals_scipy(settings: Augment, channels: int) -> None:
    height, width, rows = 20, 14, np.arange(100, 108)
    images = ndimage.gaussian_filter(np.random.default_rng(0).uniform(0, 255, (8, height, width, channels)),
                                     (0, 1.5, 1.5, 0))
    images = np.clip((images - 127) * 3 + 127, 0, 255).astype(np.uint8)
    seen = apply_affine(images, affine_transforms(settings, 5, 2, rows, (height, width)))
    assert seen.dtype == np.uint8
    assert seen.shape == images.shape

    draws = 2 * stateless_uniform(5, 2, rows, 5) - 1
    for image, view, (turn, size, across, down, lean) in zip(images, seen, draws, strict=True):
        angle, scale = np.deg2rad(settings.rotate * turn), 1 + settings.zoom * size
        # SciPy's axes are rows, then columns.
        rotation = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
        matrix = scale * rotation @ np.array([[1, 0], [settings.shear * lean, 1]])
        middle = np.array([height - 1, width - 1]) / 2
        offset = middle + settings.shift * np.array([down, across]) - matrix @ middle
        for channel in range(channels):
            expected = ndimage.affine_transform(image[..., channel].astype(float), matrix, offset, order=1,
                                                mode="grid-constant", cval=0.0)
            # TensorFlow cuts the fraction off; near a whole number, rounding decides which one.
            np.testing.assert_allclose(view[..., channel], expected, atol=1.01)
            assert (view[..., channel] != np.floor(expected)).mean() < 0.1


@pytest.mark.slow
def test_a_row_is_augmented_equally_for_any_ranks_and_batch(write) -> None:
    split, seen = write([[300, 12], [299]]), []
    for batch, lanes, ranks in ((32, 8, 1), (32, 8, 2), (48, 16, 1)):
        plan = LanePlan(611, batch, lanes, block_rows=12, window_blocks=2, seed=11)
        views = {}
        for rank in range(ranks):
            tensors = as_tf_dataset(plan, split.reader(), rank=rank, ranks=ranks, epoch=4, augment=ALL)
            for (inputs, labels, weights, _), plain in zip(tensors.as_numpy_iterator(), array_batches(
                    plan, split.reader("image", "label"), rank, ranks, epoch=4), strict=True):
                np.testing.assert_array_equal(labels, plain.arrays["label"])
                np.testing.assert_array_equal(weights, plain.weights)
                rows = plain.arrays["image"].reshape(len(labels), 6).astype(int) @ [1, 256, 0, 0, 0, 0]
                views |= {row: image.tobytes() for row, image in zip(rows, inputs["image"], strict=True)}
        assert len(views) == 611
        seen.append(views)
    assert seen[0] == seen[1] == seen[2]


@pytest.mark.slow
def test_epochs_differ_and_a_resumed_run_repeats_them(write) -> None:
    split = write([[61]])
    plan = LanePlan(61, 32, 8, block_rows=4, window_blocks=2, seed=3, shuffle=False)

    def views(epoch: int, epochs: int = 1) -> list[bytes]:
        dataset = as_tf_dataset(plan, split.reader(), epoch=epoch, epochs=epochs, augment=ALL)
        return [inputs["image"].tobytes() for inputs, *_ in dataset.as_numpy_iterator()]

    first, second = views(0), views(1)
    assert not set(first) & set(second)
    assert views(0, epochs=2) == first + second
