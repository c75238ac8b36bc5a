"""Checks for settings of a training that would change nothing with these features, or with its other settings. A
promise that isn't kept is a mistake, and nobody sees it in a result.

    for problem in problems(train, features): print(problem)

Accepted are values that leave their own setting out (`dropout: 0`, a default), guards that may never have to act
(patience, bounds of gradients, deadlines), and what depends on the number of ranks (`scaling`,
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
    """Of the section `train`; paths begin below it. Those of `augment` have a check of their own."""
    for problem in config.model.unused(features):
        yield Problem.at(("model", *problem.path), f"model {config.model.name!r}: {problem.problem}", problem.hint)
    yield from _kept(config)
    yield from _cache(config, features)
    yield from _monitor(config)
    yield from _own_step(config)
    yield from _schedule(config)


def _kept(config: Train) -> Iterator[Problem]:
    if config.validation is None and config.restore_best and "restore_best" in config.model_fields_set:
        yield Problem.at(("restore_best",), "the best epoch is known by a validation split, and there is none",
                         "Name one in 'train.validation', or write restore_best: false")


def _cache(config: Train, features: FeatureSet) -> Iterator[Problem]:
    fed = [feature for _, feature in features.items() if feature.role in ("input", "target")]
    if config.cache is not None and not any(_is_decoded(feature) for feature in fed):
        yield Problem.at(("cache",), "cache: keeps decoded images, and no feature is an image that is stored "
                         "compressed", "Remove it, or store images as store: jpeg or png in 'convert.features'")


def _is_decoded(feature: Feature) -> bool:
    return isinstance(feature, Image) and feature.store != "pixels"


def _monitor(config: Train) -> Iterator[Problem]:
    is_used = config.commits_best or config.early_stopping is not None or (
        config.reduce_lr_on_plateau is not None)
    if config.monitor != "auto" and not is_used:
        yield Problem.at(("monitor",), f"monitor {config.monitor!r}: judges nothing: the last epoch's model is kept, "
                         "and neither early_stopping nor reduce_lr_on_plateau is set",
                         "Remove it, or write restore_best: true with a validation")


def _own_step(config: Train) -> Iterator[Problem]:
    if config.step is None:
        return
    if config.class_weights is not None:
        yield Problem.at(("class_weights",), f"class_weights: are of our own loss, and the step is {config.step!r}",
                         "Weigh the classes in that function, or by a feature of kind weight; remove it here")
    if config.validation is None and config.loss != {EVERY: Loss()}:
        yield Problem.at(("loss",), f"loss: is computed by the step {config.step!r}, and there is no validation split "
                         "to measure another on", "Remove it")


def _schedule(config: Train) -> Iterator[Problem]:
    schedule, epochs = config.optimizer.schedule, config.epochs
    path = ("optimizer", "schedule")
    if schedule.warmup >= epochs:
        yield Problem.at((*path, "warmup"), f"a warmup of {schedule.warmup:g} epochs: never ends in {epochs}: the rate "
                         f"stays below {config.optimizer.learning_rate:g}, and no schedule begins",
                         "Train for more epochs, or make it shorter, e.g. warmup: 0.5; 0 leaves it out")
    late = [at for at in schedule.at if at >= epochs]
    if late:
        yield Problem.at((*path, "at"), f"a fall of the rate after {late[0]:g} epochs: never comes in {epochs}",
                         "Remove it, or train for more epochs")
