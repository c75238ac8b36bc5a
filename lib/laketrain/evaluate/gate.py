"""The gate: bounds on the metrics of an evaluation; the run fails if one is broken.

    check_gate({"accuracy": ">= 0.95"}, metrics, subject="models/mnist@3 on test")
"""

from __future__ import annotations

import operator
from collections.abc import Mapping
from typing import Any

from laketrain.config.evaluate import GatedMetric, parse_bound
from laketrain.errors import GateError

_COMPARE = {">=": operator.ge, "<=": operator.le, ">": operator.gt, "<": operator.lt}


def check_gate(gate: Mapping[GatedMetric, str], metrics: Mapping[str, Any], subject: str) -> None:
    """Raises GateError that names every broken bound with the metric's value, and every metric that wasn't measured."""
    broken = [problem for name, bound in gate.items() if (problem := _broken(name, bound, measured(metrics, name)))]
    if broken:
        raise GateError("evaluate", subject, "; ".join(broken),
                        "look at the worst mistakes in the report; train longer, or lower the gate")


def measured(metrics: Mapping[str, Any], name: str) -> Any:
    """The value of a metric by its name in the gate, which may be `target.metric` even for a single target; or None."""
    return metrics.get(name, metrics.get(name.rpartition(".")[2]))


def holds(value: float, bound: str) -> bool:
    """Whether `value` satisfies `bound`, e.g. `>= 0.95`."""
    sign, number = parse_bound(bound)
    return bool(_COMPARE[sign](value, number))


def _broken(name: str, bound: str, value: Any) -> str:
    if value is None:
        return f"{name} was not measured, expected {bound}"
    return "" if holds(float(value), bound) else f"{name} is {value:.6g}, expected {bound}"
