"""The evaluation of numbers: sums of errors in the column's units, by component, and the metrics from them.

    accumulator = NumberAccumulator(feature, worst=24, sampled=spread(rows, 2_000))
    accumulator.add(rows, truth, outputs, weights)
    section = merge_numbers(feature, [accumulator.part()], worst=24)
"""

from __future__ import annotations

from collections.abc import Sequence as Parts
from typing import Any

import numpy as np
import numpy.typing as npt

from laketrain.features import TimeSeries, Value
from laketrain.tasks.accumulator import Accumulator, Floats, Ints, counted, worst_of

NumberFeature = Value | TimeSeries

METRICS = ("mae", "rmse", "r2", "mape")
"""The metrics of each component, and their means over the components."""
MOST_SHOWN = 24
"""How many components of a row the list of the worst rows keeps."""
_TINY = float(np.finfo(np.float32).tiny)
"""A relative error treats smaller true values as 0, since datasets contain float32."""
_EPS = float(np.finfo(np.float32).eps)
_SUMS = ("weight", "mean", "m2", "absolute", "squared", "relative", "not_zero")


class NumberAccumulator(Accumulator):
    """Sums over a rank's rows, from true and predicted values, (n, *shape), scaled as the model sees them. It also
    keeps the values of the rows `sampled`, ascending numbers."""

    def __init__(self, feature: NumberFeature, worst: int, sampled: Ints) -> None:
        super().__init__()
        self._feature, self._worst, self._sampled = feature, worst, sampled
        self._sums: dict[str, Floats] = {key: np.zeros(component_count(feature)) for key in _SUMS}
        self._zero = np.maximum(_resolution(feature, np.zeros(component_count(feature))), _TINY)
        self._worst_rows, self._pairs = list[dict[str, Any]](), list[tuple[list[float], list[float]]]()

    def _add(self, rows: Ints, truth: npt.NDArray[Any], outputs: npt.NDArray[Any], weights: Floats) -> None:
        true, predicted = own_units(self._feature, truth), own_units(self._feature, outputs)
        self._sums = _merged(self._sums, _sums_of(true, predicted, weights, self._zero))
        # Scaled components are of similar size, so no unit decides which rows are the worst.
        scaled = (outputs.astype(np.float64) - truth).reshape(len(rows), -1)
        errors = np.sqrt(np.mean(scaled**2, axis=1))
        for i in np.argsort(-errors, kind="stable")[:self._worst]:
            self._worst_rows.append({"row": int(rows[i]), "error": float(errors[i]),
                                     "true": _shown(true[i, :MOST_SHOWN]),
                                     "predicted": _shown(predicted[i, :MOST_SHOWN])})
        self._worst_rows = worst_of(self._worst_rows, self._worst, "error")
        for i in np.flatnonzero(np.isin(rows, self._sampled)):
            self._pairs.append((_shown(true[i]), _shown(predicted[i])))

    def _part(self) -> dict[str, Any]:
        """sums by name, (components,) each; the worst rows; (true, predicted) pairs of the sampled rows."""
        return {"sums": {key: values.tolist() for key, values in self._sums.items()}, "worst": self._worst_rows,
                "pairs": self._pairs}


def merge_numbers(feature: NumberFeature, parts: Parts[dict[str, Any]], worst: int, weighted: bool = False
                  ) -> dict[str, Any]:
    """The section of an evaluation from the parts of all ranks: `metrics` (means over the components) with their
    `components`, the `worst` rows and a `sample`."""
    sums = {key: np.zeros(component_count(feature)) for key in _SUMS}
    for part in parts:
        sums = _merged(sums, {key: np.array(values) for key, values in part["sums"].items()})
    steps = _resolution(feature, sums["mean"])
    components = [_scores(name, {key: float(values[index]) for key, values in sums.items()}, float(steps[index]))
                  for index, name in enumerate(component_names(feature))]
    pairs = [pair for part in parts for pair in part["pairs"]]
    metrics = {key: _mean([scores[key] for scores in components]) for key in METRICS}
    return {**counted(parts, weighted), "metrics": {**metrics, "components": components},
            "labels": component_names(feature),
            "worst": worst_of([row for part in parts for row in part["worst"]], worst, "error"),
            "sample": {"true": [true for true, _ in pairs], "predicted": [predicted for _, predicted in pairs]}}


def own_units(feature: NumberFeature, values: npt.NDArray[Any]) -> Floats:
    """(n, components) in the column's units, from (n, *shape) scaled values."""
    scale = feature.learnt_scale
    plain = np.asarray(values, np.float64) if scale is None else scale.undo(values)
    return plain.reshape(len(plain), component_count(feature))


def component_count(feature: NumberFeature) -> int:
    """The number of components of a row."""
    return int(np.prod(feature.shape))


def component_names(feature: NumberFeature) -> list[str]:
    """The names of the components: columns or, of an array, the column and an index from 1."""
    columns = list(feature.columns)
    if isinstance(feature, TimeSeries):
        channels = columns if feature.column_names else [f"{feature.column} {i + 1}" for i in range(feature.channels)]
        return [f"{channel}, step {step + 1}" for step in range(feature.steps) for channel in channels]
    if feature.column_names:
        return columns
    return columns if feature.size == 1 else [f"{feature.column} {i + 1}" for i in range(component_count(feature))]


def _resolution(feature: NumberFeature, near: Floats) -> Floats:
    """(components,) the smallest difference between true values near `near`, in the column's units. They are stored as
    scaled float32, so a 0 that is far from the scale's offset becomes a small number."""
    scale = feature.learnt_scale
    if scale is None:
        return np.zeros(len(near))
    scaled = scale.apply(near.reshape(feature.shape))
    return np.asarray(np.abs(scale.undo(scaled * (1 + _EPS)) - scale.undo(scaled))).reshape(-1)


def _sums_of(true: Floats, predicted: Floats, weights: Floats, zero: Floats) -> dict[str, Floats]:
    """The sums of rows whose weights, (n,), are above 0."""
    error, not_zero = np.abs(predicted - true), np.abs(true) > zero
    # Relative to the first row, so that the mean of equal values is exactly that value.
    mean = true[0] + weights @ (true - true[0]) / weights.sum()
    relative = np.divide(error, np.abs(true), out=np.zeros_like(error), where=not_zero)
    return {"weight": np.full(true.shape[1], weights.sum()), "mean": mean, "m2": weights @ (true - mean) ** 2,
            "absolute": weights @ error, "squared": weights @ error**2, "relative": weights @ relative,
            "not_zero": weights @ not_zero}


def _merged(left: dict[str, Floats], right: dict[str, Floats]) -> dict[str, Floats]:
    """The sums over the rows of both. Means and squared deviations are merged by the formula of Chan, Golub and LeVeque
    (1983)."""
    weight = left["weight"] + right["weight"]
    share = np.divide(right["weight"], weight, out=np.zeros_like(weight), where=weight > 0)
    delta = right["mean"] - left["mean"]
    added = {key: left[key] + right[key] for key in _SUMS}
    return {**added, "mean": left["mean"] + delta * share, "m2": added["m2"] + delta**2 * left["weight"] * share}


def _scores(name: str, sums: dict[str, float], step: float) -> dict[str, Any]:
    """The metrics of one component, whose true values differ by at least `step`.

    As in scikit-learn, R² of a column that never varies is 1 if all predictions are exact, else 0. The relative error
    leaves out rows whose true value is 0, and is None if there are no others.
    """
    weight = sums["weight"] or 1.0
    least = weight * (step / 2) ** 2  # rounding moves a value by half a step
    r2 = 1 - sums["squared"] / sums["m2"] if sums["m2"] > least else float(sums["squared"] <= least)
    return {"label": name, "mae": sums["absolute"] / weight, "rmse": float(np.sqrt(sums["squared"] / weight)), "r2": r2,
            "mape": sums["relative"] / sums["not_zero"] if sums["not_zero"] else None, "mean": sums["mean"]}


def _mean(values: Parts[float | None]) -> float | None:
    numbers = [value for value in values if value is not None]
    return float(np.mean(numbers)) if numbers else None


def _shown(values: Floats) -> list[float]:
    return [float(f"{value:.6g}") for value in values]
