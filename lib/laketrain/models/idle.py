"""Settings of a training that would change nothing with these features, or beside its other settings; told without
Keras, before anything runs. A promise that isn't kept is a mistake, and nobody sees it in a result.

    for unfit in idle(config, features):
        print(unfit.path, unfit.subject, unfit.problem, unfit.hint)

Left alone are values that leave their own setting out (`dropout: 0`, a default), guards that may never have to act
(patience, bounds of gradients, deadlines), and what the number of ranks will tell (`scaling`, `optimizer.wire`).
"""

from __future__ import annotations

from collections.abc import Iterator

from laketrain.config.loss import EVERY, Loss
from laketrain.config.train import Train
from laketrain.features import Feature, FeatureSet, Image
from laketrain.models.aims import Unfit, unfits
from laketrain.models.zoo import parse_model


def unfit_or_idle(config: Train, features: FeatureSet) -> list[Unfit]:
    """What doesn't suit the targets (`laketrain.models.aims`) and what would change nothing, one of each key."""
    found: dict[tuple[str, ...], Unfit] = {}
    for one in (*unfits(config, features.targets), *idle(config, features)):
        found.setdefault(one.path, one)
    return list(found.values())


def idle(config: Train, features: FeatureSet) -> Iterator[Unfit]:
    """All of them but those of `augment`, which the feed knows (`laketrain.feed.augment.augmenter.misfit`)."""
    for key, problem, hint in parse_model(config.model).idle(features):
        yield Unfit(("model", key), f"model {config.model['name']!r}", problem, hint)
    yield from _cache(config, features)
    yield from _judged(config)
    yield from _beside_own_step(config)
    yield from _never_in_time(config)


def _cache(config: Train, features: FeatureSet) -> Iterator[Unfit]:
    fed = [feature for _, feature in features.items() if feature.role in ("input", "target")]
    if config.cache is not None and not any(_is_decoded(feature) for feature in fed):
        yield Unfit(("cache",), "cache", "keeps decoded images, and no feature is an image that is stored compressed",
                    "remove it, or store images as store: jpeg or png in 'convert.features'")


def _is_decoded(feature: Feature) -> bool:
    return isinstance(feature, Image) and feature.store != "pixels"


def _judged(config: Train) -> Iterator[Unfit]:
    judging = config.keeps_best or config.early_stopping is not None or config.plateau is not None
    if config.monitor != "auto" and not judging:
        yield Unfit(("monitor",), f"monitor {config.monitor!r}", "judges nothing: the last epoch's model is kept, and "
                    "neither early_stopping nor plateau is set", "remove it, or write keep: best with a validation")


def _beside_own_step(config: Train) -> Iterator[Unfit]:
    if config.step is None:
        return
    if config.class_weights is not None:
        yield Unfit(("class_weights",), "class_weights", f"are of our own loss, and the step is {config.step!r}",
                    "weigh the classes in that function, or by a feature of kind weight; remove it here")
    if config.validation is None and config.loss != {EVERY: Loss()}:
        yield Unfit(("loss",), "loss", f"is computed by the step {config.step!r}, and there is no validation split to "
                    "measure another on", "remove it")


def _never_in_time(config: Train) -> Iterator[Unfit]:
    schedule, epochs = config.optimizer.schedule, config.epochs
    path = ("optimizer", "schedule")
    if schedule.warmup >= epochs:
        yield Unfit((*path, "warmup"), f"a warmup of {schedule.warmup:g} epochs", f"never ends in {epochs}: the rate "
                    f"stays below {config.optimizer.learning_rate:g}, and no schedule begins",
                    "train for more epochs, or make it shorter, e.g. warmup: 0.5; 0 leaves it out")
    late = [at for at in schedule.at if at >= epochs]
    if late:
        yield Unfit((*path, "at"), f"a fall of the rate after {late[0]:g} epochs", f"never comes in {epochs}",
                    "remove it, or train for more epochs")
