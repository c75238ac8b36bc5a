"""Checks that loss, metrics and monitor fit the targets, before Keras is imported.

    for problem in problems(train, train.model.tasks(features)): print(problem)
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from laketrain.config.loss import EVERY, Loss, by_target
from laketrain.errors import Problem, nearest
from laketrain.tasks import Output
from laketrain.workload.checks.words import sentence

if TYPE_CHECKING:
    from laketrain.workload.train import Train


def problems(config: Train, targets: Mapping[str, Output]) -> Iterator[Problem]:
    """Of the section `train`; paths begin below it. What is monitored is checked where the rest is right."""
    found = [*_losses(config, targets), *_weightless(config, targets), *_metrics(config, targets),
             *_class_weights(config, targets), *_names(targets)]
    yield from found or _monitor(config, targets)


def _losses(config: Train, targets: Mapping[str, Output]) -> Iterator[Problem]:
    yield from _named("loss", config.loss, targets, Loss.model_fields)
    for name, loss in by_target(config.loss, targets).items():
        if loss.use is None:
            yield from _unsuited(_path("loss", name, config.loss), name, targets[name], loss)


def _unsuited(path: tuple[str, ...], name: str, target: Output, loss: Loss) -> Iterator[Problem]:
    kind = target.feature.kind
    try:
        chosen = target.task.loss_name(kind, loss.name)
    except ValueError as error:
        yield _unfit(path, f"loss of {name!r}", str(error), "choose one of these in 'train.loss'")
        return
    for key in loss.not_of(chosen):
        yield _unfit(path, f"loss of {name!r}", f"is {chosen} for a {kind}, which takes no {key}",
                    "remove it, or give each target a loss of its own: loss: {target: {name: …}}")


def _weightless(config: Train, targets: Mapping[str, Output]) -> Iterator[Problem]:
    losses = by_target(config.loss, targets)
    if losses and not any(loss.weight for loss in losses.values()):
        yield _unfit(("loss",), "loss", f"weighs nothing: the weight of {', '.join(losses)} is 0, so nothing is learnt",
                    "give one of them a weight above 0")


def _metrics(config: Train, targets: Mapping[str, Output]) -> Iterator[Problem]:
    yield from _named("metrics", config.metrics, targets)
    for name, metrics in by_target(config.metrics, targets).items():
        task, kind = targets[name].task, targets[name].feature.kind
        for metric in metrics:
            if task.metric_name(metric) not in task.training_metrics:
                yield _unfit(_path("metrics", name, config.metrics), f"metric {metric!r} of {name!r}",
                            f"suits no target of kind {kind}", nearest(metric, task.training_metrics))


def _named(key: str, declared: Mapping[str, Any], targets: Mapping[str, Output],
           settings: Mapping[str, Any] | None = None) -> Iterator[Problem]:
    """What is declared for no target, and targets for which nothing is."""
    strange = [name for name in declared if name != EVERY and name not in targets]
    for name in strange:
        yield _unfit((key, name), f"{key} of {name!r}", "is no target of the dataset",
                    nearest(name, {*targets, *(settings or {})}))
    for name in targets:
        if not strange and name not in declared and EVERY not in declared:
            yield _unfit((key,), f"{key} of {name!r}", "is not declared", f"add {name!r} to 'train.{key}'")
    if EVERY in declared and set(targets) <= set(declared):
        yield _unfit((key, EVERY), f"{key} of {EVERY!r}", "is for targets without one of their own, and all have one",
                    "remove it")


def _path(key: str, name: str, declared: Mapping[str, Any]) -> tuple[str, ...]:
    return (key, name) if name in declared else (key,)


def _class_weights(config: Train, targets: Mapping[str, Output]) -> Iterator[Problem]:
    if config.class_weights is not None and sum(output.task.weighs_classes for output in targets.values()) != 1:
        yield _unfit(("class_weights",), "class_weights", f"the targets are {', '.join(targets)}, expected one label",
                    "remove 'train.class_weights'")


def _names(targets: Mapping[str, Output]) -> Iterator[Problem]:
    """With several targets, figures begin with the target's name, and those of validation with `val_` before it."""
    for name in targets:
        if len(targets) > 1 and f"val_{name}" in targets:
            yield _unfit(("metrics",), f"targets {name!r} and 'val_{name}'", "would have figures of one name: those of "
                        f"'val_{name}' in training, and those of {name!r} in validation",
                        f"call the feature 'val_{name}' otherwise in 'convert.features'")


def _monitor(config: Train, targets: Mapping[str, Output]) -> Iterator[Problem]:
    """A misspelt one would be known when the first epoch is over."""
    several = len(targets) > 1
    names = ["loss", *(f"{name}_{chosen}" if several else chosen
                       for name, metrics in by_target(config.metrics, targets).items()
                       for chosen in (targets[name].task.metric_name(metric) for metric in metrics))]
    known = [*names, *(f"val_{name}" for name in names if config.validation)]
    if config.monitor not in ("auto", *known):
        yield _unfit(("monitor",), f"monitor {config.monitor!r}", "is measured in no epoch",
                    nearest(config.monitor, known))


def _unfit(path: tuple[str, ...], subject: str, problem: str, hint: str) -> Problem:
    return Problem.at(path, f"{subject}: {problem}", sentence(hint))
