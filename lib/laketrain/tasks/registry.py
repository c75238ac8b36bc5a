"""The registered tasks, and which of them is the default of a kind of target."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from laketrain.config.evaluate import BASELINES, GATED
from laketrain.config.loss import LOSSES, METRICS
from laketrain.errors import DataError
from laketrain.tasks.base import Mode, Task
from laketrain.tasks.classification import Classification
from laketrain.tasks.image import ImageRegression
from laketrain.tasks.multilabel import MultilabelClassification
from laketrain.tasks.regression import Regression
from laketrain.tasks.sequence import SequenceRegression
from laketrain.usercode.registry import Registry

TASKS: Registry[Task[Any]] = Registry("task", [
    Classification(), MultilabelClassification(), Regression(), SequenceRegression(), ImageRegression()])


def register(task: Task[Any]) -> Task[Any]:
    """Adds a task, and the names of its losses, metrics and baselines to those that a workload can use.

    Raises:
        ValueError: another class has registered a task of that name.
    """
    TASKS.register(task)
    LOSSES.add(task.losses)
    METRICS.add(task.training_metrics)
    GATED.add(task.metrics)
    BASELINES.add(task.baselines)
    return task


def default_task(kind: str) -> Task[Any]:
    """The task that was last registered as the default of this kind of target. Raises DataError where none was."""
    tasks = [task for task in TASKS.values() if kind in task.default_of]
    if not tasks:
        raise DataError("config", f"a target of kind {kind}", "no task is registered for it",
                        f"name one by 'task', of {', '.join(TASKS)}")
    return tasks[-1]


def task_of_section(section: Mapping[str, Any]) -> Task[Any]:
    """The task of an evaluation's section; an older evaluation names only the kind of its target."""
    return TASKS[section["task"]] if "task" in section else default_task(str(section.get("kind", "label")))


def metric_mode(name: str) -> Mode:
    """Whether the smaller or the larger value of a training metric is better, by the end of its name, which may start
    with `val_` and a target's name. Of losses, the smaller value is better."""
    modes = {metric: mode for task in TASKS.values() for metric, mode in task.training_metrics.items()}
    metric = max((metric for metric in modes if name.endswith(metric)), key=len, default="")
    return modes.get(metric, "min")
