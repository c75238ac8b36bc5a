"""What `train.augment` makes of a rank's rows: views of each image by itself, then mixtures of rows.

    views = Views.of(reader.features, plan, settings)
    images = views.view("image", images, epoch, rows)
    mix = views.mix(epoch, rows, weights)

Everything is drawn by the hash of `laketrain.feed.augment`, so it depends on seed, epoch and row alone, and mixtures
also on the rows of the lane's slice. Importing this module does not import TensorFlow; moving images does.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from laketrain.config.augment import Augment
from laketrain.errors import DataError, LaunchError, Problem
from laketrain.features import Image, Label
from laketrain.feed.augment import affine_transforms
from laketrain.feed.boxes import erase, squares
from laketrain.feed.colour import colour_factors, recoloured
from laketrain.feed.lanes import LanePlan
from laketrain.feed.mixing import Mix
from laketrain.feed.moves import crop_offsets, cropped, mirrored, mirrors

Pixels = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Views:
    """The settings, and what they apply to.

    Attributes:
        images: the inputs that are images, by name. label: the target, where rows are mixed. slice: rows of a lane in
            a step.
    """

    settings: Augment
    seed: int
    slice: int
    images: Mapping[str, Image]
    label: Label | None

    @classmethod
    def of(cls, features: Mapping[str, Any], plan: LanePlan, settings: Augment) -> Views:
        """For these inputs and targets.

        Raises:
            DataError: they can't be mixed, or have no colours. LaunchError: a lane has only one row in a step.
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

    def view(self, name: str, images: npt.NDArray[Any], epoch: int,
             rows: npt.NDArray[np.int64]) -> npt.NDArray[Any]:
        """(n, h, w, c) views of the images of the global rows `rows`, (n,); what is no image among the inputs stays."""
        if name not in self.images:
            return images
        settings, shape = self.settings, self.images[name].shape[:2]
        if settings.rotate or settings.zoom or settings.shift or settings.shear:
            images = viewed(images, affine_transforms(settings, self.seed, epoch, rows, shape))
        if settings.flip.horizontal or settings.flip.vertical:
            images = mirrored(images, mirrors(settings.flip, self.seed, epoch, rows))
        if settings.crop:
            images = cropped(images, crop_offsets(settings.crop, self.seed, epoch, rows), settings.crop)
        if settings.brightness or settings.contrast or settings.saturation:
            images = recoloured(images, colour_factors(settings, self.seed, epoch, rows))
        if settings.cutout:
            images = images.copy()
            erase(images, squares(settings.cutout, self.seed, epoch, rows, shape), self._mean(name))
        return images

    def mix(self, epoch: int, rows: npt.NDArray[np.int64], weights: npt.NDArray[np.float32]) -> Mix | None:
        """How `rows`, (steps, rank's batch), are mixed; those of weight 0, padding and masked ones, stay apart."""
        if self.label is None:
            return None
        image, = self.images.values()
        return Mix.of(self.settings, self.seed, epoch, rows.reshape(-1, self.slice),
                      weights.reshape(-1, self.slice) > 0, image.shape[:2])

    def _mean(self, name: str) -> int:
        statistics = self.images[name].statistics
        return round(255 * statistics.mean) if statistics else 0


def problems(settings: Augment, inputs: Mapping[str, Any], targets: Mapping[str, Any]) -> Iterator[Problem]:
    """The setting that these features are not fit for, at its key of `train`; the first is enough."""
    images = [feature for feature in inputs.values() if isinstance(feature, Image)]
    if settings.given and not images:
        yield Problem.at(("augment", settings.given[0]), f"is for images among the inputs, and these are "
                         f"{_kinds(inputs)}", "Remove 'train.augment': no other kind of input has random views")
        return
    if settings.saturation and not any(image.shape[2] in (3, 4) for image in images):
        yield Problem.at(("augment", "saturation"), "no input is an RGB or RGBA image",
                         "Remove it: brightness and contrast are for all images")
        return
    mixable = len(images) == len(inputs) == 1 and [type(target) for target in targets.values()] == [Label]
    if settings.mixes and not mixable:
        yield Problem.at(("augment", "mixup" if settings.mixup else "cutmix"), f"the inputs are {_kinds(inputs)}, the "
                         f"targets {_kinds(targets)}", "Only one image and one label can be mixed: remove it")


def _kinds(features: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} ({feature.kind})" for name, feature in features.items()) or "none"


def viewed(images: Pixels, transforms: npt.NDArray[np.float32]) -> Pixels:
    """(n, h, w, c) images as their (n, 8) transforms show them, black where nothing is."""
    import tensorflow as tf

    with tf.device("CPU:0"):
        seen = tf.raw_ops.ImageProjectiveTransformV3(
            images=images, transforms=transforms, output_shape=images.shape[1:3], interpolation="BILINEAR",
            fill_mode="CONSTANT", fill_value=0.0)
    return np.asarray(seen.numpy())
