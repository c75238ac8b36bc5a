"""Checks for settings of a training that have no effect with these features, or with its other settings. They are
mistakes that nobody would notice in a result.

    for problem in problems(train, features): print(problem)

Accepted are defaults, values that switch their own setting off (`dropout: 0`), limits that may never be reached
(patience, bounds of gradients, deadlines), and settings that depend on the number of ranks (`scaling`,
`optimizer.gradient_dtype`).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from laketrain.config.loss import EVERY, Loss
from laketrain.errors import Problem
from laketrain.features import Feature, FeatureSet, Image

if TYPE_CHECKING:
    from laketrain.workload.train import Train


def problems(config: Train, features: FeatureSet) -> Iterator[Problem]:
    """The problems of the section `train`; paths are relative to it. `checks.augment` checks `augment`."""
    for problem in config.model.unused(features):
        yield Problem.at(("model", *problem.path), f"model {config.model.name!r}: {problem.problem}", problem.hint)
    yield from _cache(config, features)
    yield from _monitor(config)
    yield from _custom_step(config)
    yield from _schedule(config)


def _cache(config: Train, features: FeatureSet) -> Iterator[Problem]:
    fed = [feature for _, feature in features.items() if feature.role in ("input", "target")]
    if config.cache is not None and not any(_is_decoded(feature) for feature in fed):
        yield Problem.at(("cache",), "cache: is for decoded images, and no feature is an image that is stored "
                         "compressed", "Remove it, or store images as store: jpeg or png in 'convert.features'")


def _is_decoded(feature: Feature) -> bool:
    return isinstance(feature, Image) and feature.store != "pixels"


def _monitor(config: Train) -> Iterator[Problem]:
    is_used = config.commits_best or config.early_stopping is not None or config.reduce_lr_on_plateau is not None
    if config.monitor != "auto" and not is_used:
        yield Problem.at(("monitor",), f"monitor {config.monitor!r}: has no effect: the last epoch's model is kept, "
                         "and neither early_stopping nor reduce_lr_on_plateau is set",
                         "Remove it, or set restore_best: true and a validation split")


def _custom_step(config: Train) -> Iterator[Problem]:
    if config.step is None:
        return
    if config.class_weights is not None:
        yield Problem.at(("class_weights",), f"class_weights: have no effect: the step {config.step!r} computes "
                         "the loss", "Weight the classes in that function, or by a feature of kind weight; remove it "
                         "here")
    if config.validation is None and config.loss != {EVERY: Loss()}:
        yield Problem.at(("loss",), f"loss: has no effect: the step {config.step!r} computes it, and there is no "
                         "validation split to measure this one on", "Remove it")


def _schedule(config: Train) -> Iterator[Problem]:
    schedule, epochs = config.optimizer.schedule, config.epochs
    path = ("optimizer", "schedule")
    if schedule.warmup >= epochs:
        yield Problem.at((*path, "warmup"), f"a warmup of {schedule.warmup:g} epochs: doesn't end within {epochs}: the "
                         f"rate stays below {config.optimizer.learning_rate:g}, and the schedule never begins",
                         "Train for more epochs, or shorten it, e.g. warmup: 0.5; 0 means no warmup")
    late = [at for at in schedule.at if at >= epochs]
    if late:
        yield Problem.at((*path, "at"), f"a step of the rate after {late[0]:g} epochs: isn't reached in {epochs}",
                         "Remove it, or train for more epochs")
