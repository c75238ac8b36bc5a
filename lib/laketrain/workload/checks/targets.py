"""Checks that loss, metrics and monitor fit the targets, before Keras is imported.

    for problem in problems(train, train.model.tasks(features)): print(problem)
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from laketrain.config.loss import EVERY, Loss, by_target
from laketrain.errors import Problem, nearest
from laketrain.tasks import Output
from laketrain.workload.checks.texts import sentence

if TYPE_CHECKING:
    from laketrain.workload.train import Train


def problems(config: Train, targets: Mapping[str, Output]) -> Iterator[Problem]:
    """The problems of the section `train`; their paths are relative to it. The monitor is checked only if the rest is
    right."""
    result = [*_losses(config, targets), *_zero_weights(config, targets), *_metrics(config, targets),
              *_class_weights(config, targets), *_names(targets)]
    yield from result or _monitor(config, targets)


def _losses(config: Train, targets: Mapping[str, Output]) -> Iterator[Problem]:
    yield from _by_name("loss", config.loss, targets, Loss.model_fields)
    for name, loss in by_target(config.loss, targets).items():
        if loss.use is None:
            yield from _unsuitable_loss(_path("loss", name, config.loss), name, targets[name], loss)


def _unsuitable_loss(path: tuple[str, ...], name: str, target: Output, loss: Loss) -> Iterator[Problem]:
    kind = target.feature.kind
    try:
        chosen = target.task.loss_name(kind, loss.name)
    except ValueError as error:
        yield _problem(path, f"loss of {name!r}", str(error), "choose one of them in 'train.loss'")
        return
    for key in loss.unsupported_settings(chosen):
        yield _problem(path, f"loss of {name!r}", f"is {chosen} for a {kind}, which has no {key}",
                       "remove it, or set a loss for each target: loss: {target: {name: …}}")


def _zero_weights(config: Train, targets: Mapping[str, Output]) -> Iterator[Problem]:
    losses = by_target(config.loss, targets)
    if losses and not any(loss.weight for loss in losses.values()):
        yield _problem(("loss",), "loss", f"is 0, since the weight of {', '.join(losses)} is 0: nothing is learnt",
                       "give one of them a weight above 0")


def _metrics(config: Train, targets: Mapping[str, Output]) -> Iterator[Problem]:
    yield from _by_name("metrics", config.metrics, targets)
    for name, metrics in by_target(config.metrics, targets).items():
        task, kind = targets[name].task, targets[name].feature.kind
        for metric in metrics:
            if task.metric_name(metric) not in task.training_metrics:
                yield _problem(_path("metrics", name, config.metrics), f"metric {metric!r} of {name!r}",
                               f"suits no target of kind {kind}", nearest(metric, task.training_metrics))


def _by_name(key: str, declared: Mapping[str, Any], targets: Mapping[str, Output],
             settings: Mapping[str, Any] | None = None) -> Iterator[Problem]:
    """Names in `declared` that aren't targets, and targets that aren't in it."""
    unknown = [name for name in declared if name != EVERY and name not in targets]
    for name in unknown:
        yield _problem((key, name), f"{key} of {name!r}", "isn't a target of the dataset",
                       nearest(name, {*targets, *(settings or {})}))
    for name in targets:
        if not unknown and name not in declared and EVERY not in declared:
            yield _problem((key,), f"{key} of {name!r}", "is not declared", f"add {name!r} to 'train.{key}'")
    if EVERY in declared and set(targets) <= set(declared):
        yield _problem((key, EVERY), f"{key} of {EVERY!r}", "is for targets that aren't named, and all are",
                       "remove it")


def _path(key: str, name: str, declared: Mapping[str, Any]) -> tuple[str, ...]:
    return (key, name) if name in declared else (key,)


def _class_weights(config: Train, targets: Mapping[str, Output]) -> Iterator[Problem]:
    if config.class_weights is not None and sum(output.task.weighs_classes for output in targets.values()) != 1:
        yield _problem(("class_weights",), "class_weights", f"the targets are {', '.join(targets)}, expected one label",
                       "remove 'train.class_weights'")


def _names(targets: Mapping[str, Output]) -> Iterator[Problem]:
    """With several targets, a metric's name begins with the target's, after `val_` for the validation split."""
    for name in targets:
        if len(targets) > 1 and f"val_{name}" in targets:
            yield _problem(("metrics",), f"targets {name!r} and 'val_{name}'", "would have metrics of the same name: "
                           f"those of 'val_{name}' in training and those of {name!r} in validation",
                           f"rename the feature 'val_{name}' in 'convert.features'")


def _monitor(config: Train, targets: Mapping[str, Output]) -> Iterator[Problem]:
    """Without this check, a misspelt name would be reported only after the first epoch."""
    several = len(targets) > 1
    names = ["loss", *(f"{name}_{chosen}" if several else chosen
                       for name, metrics in by_target(config.metrics, targets).items()
                       for chosen in (targets[name].task.metric_name(metric) for metric in metrics))]
    accepted = [*names, *(f"val_{name}" for name in names if config.validation)]
    if config.monitor not in ("auto", *accepted):
        yield _problem(("monitor",), f"monitor {config.monitor!r}", "isn't measured",
                       nearest(config.monitor, accepted))


def _problem(path: tuple[str, ...], subject: str, problem: str, hint: str) -> Problem:
    return Problem.at(path, f"{subject}: {problem}", sentence(hint))
