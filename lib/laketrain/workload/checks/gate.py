"""Checks that the gate's metrics exist for the targets."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from laketrain.errors import Problem, nearest
from laketrain.tasks import kinds_of

if TYPE_CHECKING:
    from laketrain.workload.workload import Workload


def problems(workload: Workload) -> Iterator[Problem]:
    """A metric is written as `metric` or `target.metric`; with several targets it must be the latter."""
    gate = workload.evaluate.gate if workload.evaluate else {}
    outputs = workload.outputs
    metrics_of = {name: output.task.metrics for name, output in outputs.items()}
    dotted = [f"{name}.{metric}" for name, metrics in metrics_of.items() for metric in metrics]
    plain = [metric for metrics in metrics_of.values() for metric in metrics] if len(metrics_of) == 1 else []
    for name in gate:
        if outputs and name not in (*dotted, *plain):
            yield Problem.at(("evaluate", "gate", name), f"{name!r} isn't a metric of the targets {kinds_of(outputs)}",
                             nearest(name, plain or dotted))
