"""The gate: bounds that an evaluation must keep, or the run fails.

    check_gate({"accuracy": ">= 0.95"}, metrics, subject="models/mnist@3 on test")
"""

from __future__ import annotations

import operator
from collections.abc import Mapping
from typing import Any

from laketrain.config.evaluate import GatedMetric, limit
from laketrain.errors import GateError

_COMPARE = {">=": operator.ge, "<=": operator.le, ">": operator.gt, "<": operator.lt}


def check_gate(gate: Mapping[GatedMetric, str], metrics: Mapping[str, Any], subject: str) -> None:
    """Raises GateError that names every broken bound with the metric's value, or a metric that was not measured."""
    broken = [problem for name, bound in gate.items() if (problem := _broken(name, bound, measured(metrics, name)))]
    if broken:
        raise GateError("evaluate", subject, "; ".join(broken),
                        "look at the worst mistakes in the report; train longer, or lower the gate")


def measured(metrics: Mapping[str, Any], name: str) -> Any:
    """The metric that a gate names, of the only target also as `target.metric`; None where there is none."""
    return metrics.get(name, metrics.get(name.rpartition(".")[2]))


def holds(value: float, bound: str) -> bool:
    """Whether `value` keeps `bound`, e.g. `>= 0.95`."""
    sign, number = limit(bound)
    return bool(_COMPARE[sign](value, number))


def _broken(name: str, bound: str, value: Any) -> str:
    if value is None:
        return f"{name} was not measured, expected {bound}"
    return "" if holds(float(value), bound) else f"{name} is {value:.6g}, expected {bound}"
