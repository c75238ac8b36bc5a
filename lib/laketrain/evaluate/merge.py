"""The ranks' sums of an evaluation as one section an output.

    accumulators = accumulators_of(outputs, rows=418, worst=24)
    sections = merge_parts(outputs, parts, worst=24, weighted=False)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from laketrain.tasks import Accumulator, Output
from laketrain.tasks.accumulator import Floats


def accumulators_of(outputs: Mapping[str, Output], rows: int, worst: int) -> dict[str, Accumulator]:
    """Empty sums for each output over a split of `rows` rows. Raises DataError where a task can't be evaluated."""
    return {name: output.task.accumulator(name, output.feature, rows, worst) for name, output in outputs.items()}


def merge_parts(outputs: Mapping[str, Output], parts: Sequence[Mapping[str, Any]], worst: int,
                weighted: bool) -> dict[str, dict[str, Any]]:
    """By output, the section of all ranks' parts: `kind` of the target, `task`, `rows`, `metrics`, `baselines` and what
    the task adds. Where rows have weights, they count by them; `weight` is their sum, and `masked` rows have weight 0.
    """
    return {name: {"kind": output.feature.kind, "task": output.task.name,
                   **output.task.merge(output.feature, [part[name] for part in parts], worst, weighted),
                   "baselines": _baselines([part[name].get("baselines", {}) for part in parts])}
            for name, output in outputs.items()}


class HeadlineSums:
    """The headline metric of a baseline, as two sums over a rank's rows whose ratio it is."""

    def __init__(self, output: Output) -> None:
        self._output = output
        self._sums = np.zeros(2)

    def add(self, truth: npt.NDArray[Any], predictions: npt.NDArray[Any], weights: Floats) -> None:
        """Adds a batch: truth as the dataset has it, predictions as a baseline makes them."""
        self._sums += self._output.task.headline_sums(self._output.feature, truth, predictions, weights)

    def part(self) -> list[float]:
        """Both sums."""
        sums: list[float] = self._sums.tolist()
        return sums


def headline_of(parts: Sequence[Sequence[float]]) -> float:
    """The metric, of the ranks' sums; 0 where there is nothing to divide by, as scikit-learn's F1 of no label."""
    above, below = np.sum(parts, axis=0)
    return float(above / below) if below else 0.0


def _baselines(parts: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    return {name: headline_of([part[name] for part in parts]) for name in parts[0]} if parts else {}
