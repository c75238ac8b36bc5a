"""The outputs of a model: what each of them is learnt by, and the dataset's column that holds its truth.

    outputs = default_outputs(features)            # one a target: {"label": Output(Classification(), …)}
    recorded = outputs_meta(outputs)               # {"label": {"task": "classification", "truth": "label"}}
    read_outputs(recorded, features) == outputs
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from laketrain.errors import DataError
from laketrain.features import Feature, FeatureSet
from laketrain.tasks.base import Task
from laketrain.tasks.registry import TASKS, default_task


@dataclass(frozen=True)
class Output:
    """One output of a model.

    Attributes:
        task: how it is learnt, measured and predicted.
        feature: the dataset's feature that it predicts.
        truth: the name of that feature, the column that holds the truth; for an autoencoder, that of an input.
    """

    task: Task[Any]
    feature: Feature
    truth: str

    @property
    def shape(self) -> tuple[int, ...]:
        """Of one row."""
        return self.task.output_shape(self.feature)


def default_outputs(features: FeatureSet) -> dict[str, Output]:
    """One output a target, by its feature's task."""
    return {name: Output(task_of(name, feature), feature, name) for name, feature in features.targets.items()}


def task_of(name: str, feature: Feature) -> Task[Any]:
    """The task that a target names or, by default, that of its kind.

    Raises:
        DataError: no such task is registered, or it can't learn targets of this kind.
    """
    chosen: str | None = getattr(feature, "task", None)
    if chosen is None:
        return default_task(feature.kind)
    task = TASKS[chosen]
    if feature.kind not in task.kinds:
        raise DataError("config", f"task {chosen!r} of target {name!r}", f"is for targets of kind "
                        f"{' or '.join(task.kinds) or 'none'}, not {feature.kind}",
                        f"expected one of {', '.join(other for other in TASKS if feature.kind in TASKS[other].kinds)}")
    return task


def outputs_meta(outputs: Mapping[str, Output]) -> dict[str, dict[str, str]]:
    """What a model's manifest records as `outputs`."""
    return {name: {"task": output.task.name, "truth": output.truth} for name, output in outputs.items()}


def read_outputs(recorded: Mapping[str, Mapping[str, str]] | None, features: FeatureSet) -> dict[str, Output]:
    """The outputs that a model's manifest recorded as `outputs`; the default ones if that is None."""
    if recorded is None:
        return default_outputs(features)
    return {name: Output(TASKS[output["task"]], features[output["truth"]], output["truth"])
            for name, output in recorded.items()}


def kinds_of(outputs: Mapping[str, Output]) -> str:
    """`label (label), price (value)`, or nothing: for errors."""
    return ", ".join(f"{name} ({output.feature.kind})" for name, output in outputs.items()) or "nothing"
