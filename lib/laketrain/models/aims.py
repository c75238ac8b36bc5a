"""Whether what a training shall make small, measure and be judged by suits a model's targets; told without Keras,
before anything runs.

    for unfit in unfits(config, features.targets):
        print(unfit.path, unfit.subject, unfit.problem, unfit.hint)
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from laketrain.config.loss import EVERY, Loss
from laketrain.config.train import Train
from laketrain.errors import nearest
from laketrain.tasks import Output


class Unfit(NamedTuple):
    """A setting that can't be: its keys below `train`, what it is, why it can't, and the way out."""

    path: tuple[str, ...]
    subject: str
    problem: str
    hint: str


def unfits(config: Train, targets: Mapping[str, Output]) -> Iterator[Unfit]:
    """All that doesn't suit the targets."""
    found = [*_losses(config, targets), *_weightless(config, targets), *_metrics(config, targets),
             *_class_weights(config, targets), *_names(targets)]
    yield from found or _monitor(config, targets)


def by_target(declared: Mapping[str, Any], targets: Mapping[str, Output]) -> dict[str, Any]:
    """What is declared for each target that has anything declared, in the targets' order."""
    return {name: declared[key] for name in targets if (key := name if name in declared else EVERY) in declared}


def _losses(config: Train, targets: Mapping[str, Output]) -> Iterator[Unfit]:
    yield from _named("loss", config.loss, targets, Loss.model_fields)
    for name, loss in by_target(config.loss, targets).items():
        if loss.use is None:
            yield from _unsuited(_path("loss", name, config.loss), name, targets[name], loss)


def _unsuited(path: tuple[str, ...], name: str, target: Output, loss: Loss) -> Iterator[Unfit]:
    kind = target.feature.kind
    try:
        chosen = target.task.loss_name(kind, loss.name)
    except ValueError as error:
        yield Unfit(path, f"loss of {name!r}", str(error), "choose one of these in 'train.loss'")
        return
    for key in loss.not_of(chosen):
        yield Unfit(path, f"loss of {name!r}", f"is {chosen} for a {kind}, which takes no {key}",
                    "remove it, or give each target a loss of its own: loss: {target: {name: …}}")


def _weightless(config: Train, targets: Mapping[str, Output]) -> Iterator[Unfit]:
    losses = by_target(config.loss, targets)
    if losses and not any(loss.weight for loss in losses.values()):
        yield Unfit(("loss",), "loss", f"weighs nothing: the weight of {', '.join(losses)} is 0, so nothing is learnt",
                    "give one of them a weight above 0")


def _metrics(config: Train, targets: Mapping[str, Output]) -> Iterator[Unfit]:
    yield from _named("metrics", config.metrics, targets)
    for name, metrics in by_target(config.metrics, targets).items():
        task, kind = targets[name].task, targets[name].feature.kind
        for metric in metrics:
            if task.metric_name(metric) not in task.training_metrics:
                yield Unfit(_path("metrics", name, config.metrics), f"metric {metric!r} of {name!r}",
                            f"suits no target of kind {kind}", nearest(metric, task.training_metrics))


def _named(key: str, declared: Mapping[str, Any], targets: Mapping[str, Output],
           settings: Mapping[str, Any] | None = None) -> Iterator[Unfit]:
    """What is declared for no target, and targets for which nothing is."""
    strange = [name for name in declared if name != EVERY and name not in targets]
    for name in strange:
        yield Unfit((key, name), f"{key} of {name!r}", "is no target of the dataset",
                    nearest(name, {*targets, *(settings or {})}))
    for name in targets:
        if not strange and name not in declared and EVERY not in declared:
            yield Unfit((key,), f"{key} of {name!r}", "is not declared", f"add {name!r} to 'train.{key}'")
    if EVERY in declared and set(targets) <= set(declared):
        yield Unfit((key, EVERY), f"{key} of {EVERY!r}", "is for targets without one of their own, and all have one",
                    "remove it")


def _path(key: str, name: str, declared: Mapping[str, Any]) -> tuple[str, ...]:
    return (key, name) if name in declared else (key,)


def _class_weights(config: Train, targets: Mapping[str, Output]) -> Iterator[Unfit]:
    if config.class_weights is not None and sum(output.task.weighs_classes for output in targets.values()) != 1:
        yield Unfit(("class_weights",), "class_weights", f"the targets are {', '.join(targets)}",
                    "expected one label; remove 'train.class_weights'")


def _names(targets: Mapping[str, Output]) -> Iterator[Unfit]:
    """With several targets, figures begin with the target's name, and those of validation with `val_` before it."""
    for name in targets:
        if len(targets) > 1 and f"val_{name}" in targets:
            yield Unfit(("metrics",), f"targets {name!r} and 'val_{name}'", "would have figures of one name: those of "
                        f"'val_{name}' in training, and those of {name!r} in validation",
                        f"call the feature 'val_{name}' otherwise in 'convert.features'")


def _monitor(config: Train, targets: Mapping[str, Output]) -> Iterator[Unfit]:
    """A misspelt one would be known when the first epoch is over."""
    several = len(targets) > 1
    names = ["loss", *(f"{name}_{chosen}" if several else chosen
                       for name, metrics in by_target(config.metrics, targets).items()
                       for chosen in (targets[name].task.metric_name(metric) for metric in metrics))]
    known = [*names, *(f"val_{name}" for name in names if config.validation)]
    if config.monitor not in ("auto", *known):
        yield Unfit(("monitor",), f"monitor {config.monitor!r}", "is measured in no epoch",
                    nearest(config.monitor, known))
