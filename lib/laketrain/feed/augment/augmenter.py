"""Applies `train.augment` to a rank's rows: each image by itself first, then mixtures of rows.

    augmenter = Augmenter.of(features, plan, settings)
    images = augmenter.augment("image", images, epoch, rows)
    mix = augmenter.mix(epoch, rows, weights)

Every draw depends on seed, epoch and row alone; mixtures also depend on the rows of the lane's slice. Importing this
module does not import TensorFlow; affine transforms do.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from laketrain.config.augment import Augment
from laketrain.errors import DataError, LaunchError, Problem
from laketrain.features import Feature, Image
from laketrain.feed.augment.affine import affine_transforms, apply_affine
from laketrain.feed.augment.colour import adjust_colours, colour_factors
from laketrain.feed.augment.cutout import cutout_boxes, erase
from laketrain.feed.augment.flip_crop import crop, crop_offsets, flip, flip_flags
from laketrain.feed.augment.mixup import Mix
from laketrain.feed.lanes import LanePlan


@dataclass(frozen=True)
class Augmenter:
    """The settings of augmentation, and the features that they apply to.

    Attributes:
        images: the image inputs, by name.
        label: the target if rows are mixed, else None.
        slice: rows of a lane in a step.
    """

    settings: Augment
    seed: int
    slice: int
    images: Mapping[str, Image]
    label: Feature | None

    @classmethod
    def of(cls, features: Mapping[str, Any], plan: LanePlan, settings: Augment) -> Augmenter:
        """For these inputs and targets.

        Raises:
            DataError: they can't be mixed, or have no colours.
            LaunchError: rows would be mixed, and a lane has only one row in a step.
        """
        inputs = {name: feature for name, feature in features.items() if feature.role == "input"}
        targets = {name: feature for name, feature in features.items() if feature.role == "target"}
        for problem in problems(settings, inputs, targets):
            raise DataError("train", problem.where, problem.problem, problem.hint)
        if settings.mixes and plan.slice < 2:
            raise LaunchError("train", "augment.mixup or cutmix", f"a batch of {plan.batch} in {plan.lanes} lanes is "
                              "one row a lane, and rows are mixed within a lane",
                              f"take fewer lanes (`train.lanes`), or a batch of {2 * plan.lanes} or more")
        images = {name: feature for name, feature in inputs.items() if isinstance(feature, Image)}
        label = next(iter(targets.values())) if settings.mixes else None
        return cls(settings, plan.seed, plan.slice, images, label)

    def augment(self, name: str, images: npt.NDArray[Any], epoch: int,
                rows: npt.NDArray[np.int64]) -> npt.NDArray[Any]:
        """The (n, h, w, c) images of global rows `rows`, (n,), augmented. Other features are returned unchanged."""
        if name not in self.images:
            return images
        settings, shape = self.settings, self.images[name].shape[:2]
        if settings.rotate or settings.zoom or settings.shift or settings.shear:
            images = apply_affine(images, affine_transforms(settings, self.seed, epoch, rows, shape))
        if settings.flip.horizontal or settings.flip.vertical:
            images = flip(images, flip_flags(settings.flip, self.seed, epoch, rows))
        if settings.crop:
            images = crop(images, crop_offsets(settings.crop, self.seed, epoch, rows), settings.crop)
        if settings.brightness or settings.contrast or settings.saturation:
            images = adjust_colours(images, colour_factors(settings, self.seed, epoch, rows))
        if settings.cutout:
            images = images.copy()
            erase(images, cutout_boxes(settings.cutout, self.seed, epoch, rows, shape), self._mean(name))
        return images

    def mix(self, epoch: int, rows: npt.NDArray[np.int64], weights: npt.NDArray[np.float32]) -> Mix | None:
        """How `rows`, (steps, rank's batch), are mixed; None if they aren't. Rows of weight 0 are never mixed."""
        if self.label is None:
            return None
        image, = self.images.values()
        return Mix.of(self.settings, self.seed, epoch, rows.reshape(-1, self.slice),
                      weights.reshape(-1, self.slice) > 0, image.shape[:2])

    def _mean(self, name: str) -> int:
        statistics = self.images[name].statistics
        return round(255 * statistics.mean) if statistics else 0


def problems(settings: Augment, inputs: Mapping[str, Any], targets: Mapping[str, Any]) -> Iterator[Problem]:
    """The first setting that doesn't fit these features, at its key of `train`."""
    images = [feature for feature in inputs.values() if isinstance(feature, Image)]
    if settings.enabled and not images:
        yield Problem.at(("augment", settings.enabled[0]), f"is for images among the inputs, and these are "
                         f"{_kinds(inputs)}", "Remove 'train.augment': only images can be augmented")
        return
    if settings.saturation and not any(image.shape[2] in (3, 4) for image in images):
        yield Problem.at(("augment", "saturation"), "no input is an RGB or RGBA image",
                         "Remove it: brightness and contrast are for all images")
        return
    mixable = len(images) == len(inputs) == 1 and [target.is_class_index for target in targets.values()] == [True]
    if settings.mixes and not mixable:
        yield Problem.at(("augment", "mixup" if settings.mixup else "cutmix"), f"the inputs are {_kinds(inputs)}, the "
                         f"targets {_kinds(targets)}", "Only one image and one label can be mixed: remove it")


def _kinds(features: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} ({feature.kind})" for name, feature in features.items()) or "none"
