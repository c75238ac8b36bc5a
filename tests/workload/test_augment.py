"""Settings of `train.augment` that features or lanes cannot work with are reported with all other mistakes."""

from __future__ import annotations

from pathlib import Path

import pytest

from laketrain.config.augment import Augment, Flip
from laketrain.errors import ConfigError
from laketrain.workload import Workload

DIGITS = Path(__file__).with_name("digits.yaml")


@pytest.mark.parametrize(("sets", "where", "message"), [
    (["train.augment.saturation=0.2"], "train.augment.saturation", "no input is an RGB or RGBA image. Remove it"),
    (["train.augment.cutmix=1.0", "convert.features.thick={kind: number, column: scanner}"], "train.augment.cutmix",
     "the inputs are image (image), thick (number), the targets label (label). Only one image and one label"),
    (["train.augment.mixup=0.2", "train.batch=16"], "train.augment",
     "rows are mixed within a lane, but each of the 16 lanes of a batch of 16 has only one row. Use fewer lanes, or a "
     "batch of 32"),
])
def test_an_impossible_augmentation_is_refused_with_the_next_step(sets: list[str], where: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Workload.load(DIGITS, sets)
    assert any(problem.where.endswith(where) and message in str(problem) for problem in caught.value.problems)


def test_mixtures_of_one_image_and_one_label_are_accepted() -> None:
    train = Workload.load(DIGITS, ["train.augment={mixup: 0.2, flip: {horizontal: 0.5}}"]).train
    assert train is not None
    assert train.augment == Augment(mixup=0.2, flip=Flip(horizontal=0.5))
    assert train.augment.mixes


def test_without_mixtures_labels_stay_labels() -> None:
    assert not Augment(rotate=10, cutout=4).mixes
