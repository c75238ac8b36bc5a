"""Merges the ranks' sums of an evaluation into one section for each output.

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
    """Empty accumulators by output for a split of `rows` rows. Raises DataError if a task can't be evaluated."""
    return {name: output.task.accumulator(name, output.feature, rows, worst) for name, output in outputs.items()}


def merge_parts(outputs: Mapping[str, Output], parts: Sequence[Mapping[str, Any]], worst: int,
                weighted: bool) -> dict[str, dict[str, Any]]:
    """The section of each output: `kind` of the target, `task`, `rows`, `metrics`, `baselines` and what the task adds.
    Rows with weights also have `weight`, their sum, and `masked`, how many have weight 0."""
    return {name: {"kind": output.feature.kind, "task": output.task.name,
                   **output.task.merge(output.feature, [part[name] for part in parts], worst, weighted),
                   "baselines": _baselines([part[name].get("baselines", {}) for part in parts])}
            for name, output in outputs.items()}


class HeadlineSums:
    """The headline metric of a baseline as the ratio of two sums over a rank's rows."""

    def __init__(self, output: Output) -> None:
        self._output = output
        self._sums = np.zeros(2)

    def add(self, truth: npt.NDArray[Any], predictions: npt.NDArray[Any], weights: Floats) -> None:
        """Adds a batch: truth from the dataset, predictions of the baseline."""
        self._sums += self._output.task.headline_sums(self._output.feature, truth, predictions, weights)

    def part(self) -> list[float]:
        """The numerator and the denominator."""
        sums: list[float] = self._sums.tolist()
        return sums


def headline_of(parts: Sequence[Sequence[float]]) -> float:
    """The metric from the ranks' sums; 0 if the denominator is 0, as in scikit-learn's F1 without labels."""
    numerator, denominator = np.sum(parts, axis=0)
    return float(numerator / denominator) if denominator else 0.0


def _baselines(parts: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    return {name: headline_of([part[name] for part in parts]) for name in parts[0]} if parts else {}
