"""Mixing: shares are from Beta(α, α), partners form rings in a lane's slice, images and labels have equal shares."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from tests import tiny

from laketrain.config.augment import Augment, Flip
from laketrain.errors import DataError, LaunchError
from laketrain.features import FeatureSet
from laketrain.feed import LanePlan, array_batches, as_tf_dataset
from laketrain.feed.augment import Augmenter
from laketrain.feed.augment.cutout import box_areas
from laketrain.feed.augment.mixup import Mix, partners
from laketrain.feed.dataset import Dataset
from laketrain.lake import Lake

from ..splits import numbers

BOTH = Augment(mixup=0.4, cutmix=1.0)
SHAPE = (12, 10)


def mixed(settings: Augment, groups: int, width: int, seed: int = 1, epoch: int = 0,
          valid: np.ndarray | None = None) -> Mix:
    rows = np.arange(groups * width).reshape(groups, width)
    return Mix.of(settings, seed, epoch, rows, np.ones(rows.shape, bool) if valid is None else valid, SHAPE)


# ---- partners


@given(groups=st.integers(1, 5), width=st.integers(1, 9), seed=st.integers(0, 10**6), padded=st.integers(0, 9))
def test_valid_rows_of_a_slice_form_one_ring_without_padding(groups: int, width: int, seed: int,
                                                             padded: int) -> None:
    valid = np.ones((groups, width), bool)
    valid[-1, width - min(padded, width):] = False
    result = partners(np.random.default_rng(seed).random((groups, width)), valid).reshape(groups, width)
    for group in range(groups):
        inside = [group * width + index for index in range(width) if valid[group, index]]
        ring, index = [], inside[0] if inside else None
        while index is not None and index not in ring:
            ring.append(index)
            index = int(result.reshape(-1)[index])
        assert sorted(ring) == inside
        for alone in set(range(group * width, (group + 1) * width)) - set(inside):
            assert result.reshape(-1)[alone] == alone


@given(width=st.integers(2, 8), seed=st.integers(0, 1000))
def test_a_ring_depends_on_no_other_slice(width: int, seed: int) -> None:
    draws = np.random.default_rng(seed).random((4, width))
    valid = np.ones((4, width), bool)
    whole = partners(draws, valid).reshape(4, width)
    for group in range(4):
        alone = partners(draws[group:group + 1], valid[:1])
        np.testing.assert_array_equal(whole[group] - group * width, alone)


# ---- shares


@pytest.mark.parametrize("alpha", [0.05, 0.2, 1.0, 4.0])
def test_shares_of_mixup_have_the_beta_distribution(alpha: float) -> None:
    mix = mixed(Augment(mixup=alpha), 5000, 4)
    assert np.isfinite(mix.share).all()
    for kept in (0.1, 0.25, 0.5, 0.9):
        fraction = ((mix.share < kept).mean() + (mix.share <= kept).mean()) / 2
        # Shares are whole 256ths: those nearest to 0 and 1 include values within half a step.
        assert fraction == pytest.approx(stats.beta(alpha, alpha).cdf(kept), abs=0.015)
    assert not box_areas(mix.boxes).any()


@pytest.mark.parametrize("alpha", [0.3, 1.0])
def test_areas_of_cutmix_boxes_have_the_beta_distribution_unless_clipped(alpha: float) -> None:
    mix = mixed(Augment(cutmix=alpha), 5000, 4)
    top, bottom, left, right = mix.boxes.T
    inside = (top > 0) & (bottom < SHAPE[0]) & (left > 0) & (right < SHAPE[1])
    sides = np.stack([bottom - top, right - left])[:, inside & (box_areas(mix.boxes) > 20)]
    assert abs(sides[0] / SHAPE[0] - sides[1] / SHAPE[1]).max() <= 0.5 / SHAPE[0] + 0.5 / SHAPE[1]
    np.testing.assert_allclose(1 - mix.share, box_areas(mix.boxes) / 120, atol=1e-6)
    assert (mix.parts == 256).all()


def test_with_both_settings_each_row_draws_one_of_them() -> None:
    mix = mixed(BOTH, 5000, 4)
    assert (mix.parts < 256).mean() == pytest.approx(0.5 * np.mean(mixed(Augment(mixup=0.4), 5000, 4).parts < 256),
                                                     abs=0.02)
    assert not box_areas(mix.boxes)[mix.parts < 256].any()


# ---- images, labels and weights


@pytest.mark.parametrize("settings", [Augment(mixup=1.0), Augment(cutmix=1.0), BOTH], ids=["mixup", "cutmix", "both"])
def test_images_and_labels_are_mixed_by_the_same_share(settings: Augment) -> None:
    rng = np.random.default_rng(0)
    images, labels = rng.integers(0, 256, (24, *SHAPE, 3), np.uint8), rng.integers(0, 5, 24)
    mix = mixed(settings, 4, 6)
    result = mix.images(images)
    soft = mix.labels(labels, 5, np.ones(24, np.float32))
    assert result.dtype == np.uint8
    assert soft.dtype == np.float32
    for row in range(24):
        partner, share = mix.partner[row], float(mix.share[row])
        top, bottom, left, right = mix.boxes[row]
        kept = mix.parts[row] / 256
        expected = kept * images[row].astype(float) + (1 - kept) * images[partner]
        expected[top:bottom, left:right] = images[partner][top:bottom, left:right]
        assert np.abs(result[row] - expected).max() <= 0.5
        np.testing.assert_allclose(soft[row], share * np.eye(5)[labels[row]] + (1 - share) * np.eye(5)[labels[partner]],
                                   atol=1e-6)


@given(seed=st.integers(0, 10**6))
def test_weighted_cross_entropy_is_the_weighted_mean_of_both_rows(seed: int) -> None:
    rng = np.random.default_rng(seed)
    labels, weights = rng.integers(0, 5, 12), rng.choice([0.0, 0.5, 1.0, 3.0], 12).astype(np.float32)
    logs = np.log(rng.dirichlet(np.ones(5), 12))
    mix = mixed(Augment(mixup=1.0), 3, 4, seed=seed)
    losses = -(mix.labels(labels, 5, weights) * logs).sum(axis=1) * mix.weights(weights)
    other = mix.partner
    expected = (-mix.share * weights * logs[np.arange(12), labels]
                - (1 - mix.share) * weights[other] * logs[np.arange(12), labels[other]])
    np.testing.assert_allclose(losses, expected, atol=1e-5)
    np.testing.assert_allclose(mix.labels(labels, 5, weights).sum(axis=1), 1, atol=1e-6)


def test_padding_is_not_mixed_and_has_weight_0() -> None:
    valid = np.array([[True, True, False, False], [True, False, False, False]])
    mix = mixed(Augment(mixup=4.0), 2, 4, valid=valid)
    assert mix.partner.tolist() == [1, 0, 2, 3, 4, 5, 6, 7]
    images = np.random.default_rng(0).integers(0, 256, (8, *SHAPE, 1), np.uint8)
    np.testing.assert_array_equal(mix.images(images)[2:], images[2:])
    weights = mix.weights(valid.reshape(-1).astype(np.float32))
    np.testing.assert_allclose(weights, valid.reshape(-1), atol=1e-6)
    assert (weights[~valid.reshape(-1)] == 0).all()


# ---- through the feed


@pytest.mark.slow
@pytest.mark.parametrize("settings", [Augment(mixup=0.4), Augment(cutmix=1.0), Augment(
    mixup=0.4, cutmix=1.0, flip=Flip(horizontal=0.5), crop=1, brightness=0.3, contrast=0.2, cutout=1)],
    ids=["mixup", "cutmix", "all"])
def test_mixtures_are_the_same_for_any_ranks_and_when_resumed(write, settings: Augment) -> None:
    split = write([[70, 12], [51]])
    plan = LanePlan(133, 32, 8, block_rows=8, window_blocks=1, seed=11)

    def steps(ranks: int, start: int = 0) -> list[tuple[np.ndarray, ...]]:
        parts = [list(as_tf_dataset(plan, split.reader(), rank=rank, ranks=ranks, epoch=2, start_step=start,
                                    augment=settings).as_numpy_iterator()) for rank in range(ranks)]
        return [(np.concatenate([inputs["image"] for inputs, *_ in step]),
                 np.concatenate([labels for _, labels, *_ in step]),
                 np.concatenate([weights for *_, weights, _ in step])) for step in zip(*parts, strict=True)]

    whole = steps(1)
    assert whole[0][0].shape == (32, 3, 2, 1)
    assert whole[0][1].shape == (32, 250)
    for other, first in [*((steps(ranks), 0) for ranks in (2, 4)),
                         *((steps(2, start), start) for start in range(1, plan.steps))]:
        for expected, batch in zip(whole[first:], other, strict=True):
            for left, right in zip(expected, batch, strict=True):
                np.testing.assert_array_equal(left, right)


@pytest.mark.slow
def test_labels_are_shares_of_rows_of_the_same_lane_and_step(write) -> None:
    split = write([[70, 12], [51]])
    plan = LanePlan(133, 32, 8, block_rows=8, window_blocks=1, seed=11)
    mixtures = as_tf_dataset(plan, split.reader(), augment=Augment(mixup=1.0)).as_numpy_iterator()
    plain = array_batches(plan, split.reader(), 0, 1, epoch=0)
    for (_, soft, weights, _), batch in zip(mixtures, plain, strict=True):
        np.testing.assert_allclose(soft.sum(axis=1), 1, atol=1e-6)
        np.testing.assert_allclose(weights, batch.weights, atol=1e-6)
        rows = numbers(batch.arrays["image"]).reshape(8, 4)
        for lane in range(8):
            valid = batch.weights.reshape(8, 4)[lane] > 0
            classes = soft.reshape(8, 4, 250)[lane][valid].nonzero()[1]
            assert set(classes) == set(rows[lane][valid] % 250)


@pytest.mark.slow
def test_a_row_of_weight_0_is_not_mixed(tmp_path: Path) -> None:
    weighed = {**tiny.FEATURES.root, **FeatureSet.model_validate({"w": {"kind": "weight", "column": "label"}}).root}
    dataset = Dataset(tiny.commit_tiny(Lake(tmp_path), features=FeatureSet.of(weighed)))
    with dataset.feed("train", 32, lanes=8) as feed:
        plain, mixtures = (list(feed.batches(augment=augment)) for augment in (None, Augment(mixup=1.0)))
    for (_, labels, weights, _), (_, soft, others, _) in zip(plain, mixtures, strict=True):
        masked = weights.numpy() == 0  # of class 0, or padding
        np.testing.assert_array_equal(others.numpy()[masked], 0)
        assert (others.numpy()[~masked] > 0).all()
        assert (soft.numpy()[~masked][:, 0] == 0).all()
        assert (labels.numpy()[masked] == 0).any()


# ---- unsupported features


def build(features: dict[str, dict], settings: Augment, lanes: int = 8) -> None:
    Augmenter.of(dict(FeatureSet.model_validate(features).items()),
             LanePlan(64, 32, lanes, block_rows=8, window_blocks=2), settings)


IMAGE, LABEL = {"kind": "image", "shape": [3, 2, 1]}, {"kind": "label", "classes": 5}


@pytest.mark.parametrize(("features", "message"), [
    ({"a": IMAGE, "b": IMAGE, "label": LABEL}, r"the inputs are a \(image\), b \(image\)"),
    ({"a": IMAGE, "y": {**IMAGE, "role": "target"}}, r"the targets y \(image\)"),
    ({"a": IMAGE, "y": LABEL, "z": LABEL}, r"the targets y \(label\), z \(label\)"),
])
def test_only_one_image_and_one_label_are_mixed(features, message: str) -> None:
    with pytest.raises(DataError, match=message):
        build(features, Augment(cutmix=1.0))
    build(features, Augment(crop=1))


def test_a_lane_of_one_row_a_step_raises_with_two_hints() -> None:
    with pytest.raises(LaunchError, match=r"one row a lane.*take fewer lanes .*or a batch of 64 or more"):
        build({"image": IMAGE, "label": LABEL}, Augment(mixup=0.2), lanes=32)
