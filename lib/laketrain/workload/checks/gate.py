"""Checks that each metric of the gate is one of a target."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from laketrain.config.evaluate import METRICS_OF
from laketrain.errors import Problem, nearest
from laketrain.workload.checks.words import kinds

if TYPE_CHECKING:
    from laketrain.workload.workload import Workload


def problems(workload: Workload) -> Iterator[Problem]:
    """A metric is written as `metric`, or as `target.metric`, which it must be where there are several targets."""
    gate = workload.evaluate.gate if workload.evaluate else {}
    targets = workload.features.targets if workload.features else {}
    metrics_of = {name: METRICS_OF.get(feature.kind, ()) for name, feature in targets.items()}
    dotted = [f"{name}.{metric}" for name, metrics in metrics_of.items() for metric in metrics]
    plain = [metric for metrics in metrics_of.values() for metric in metrics] if len(metrics_of) == 1 else []
    for name in gate:
        if targets and name not in (*dotted, *plain):
            yield Problem.at(("evaluate", "gate", name), f"{name!r} is no metric of the targets {kinds(targets)}",
                             nearest(name, plain or dotted))
