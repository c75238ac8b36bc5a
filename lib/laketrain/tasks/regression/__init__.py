"""Regression: each row has one or several numbers. The model's outputs are scaled by the feature's `scale`.

    price: {kind: value, columns: [cost, size], scale: standard}
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt

from laketrain.config.loss import Loss
from laketrain.tasks.accumulator import Accumulator, Floats
from laketrain.tasks.base import Bools, Headline, Mode, Task
from laketrain.tasks.baselines import Baseline, Constant, Linear, Persistence, Sample
from laketrain.tasks.losses import RowLoss, number_loss
from laketrain.tasks.regression.measure import (
    METRICS,
    NumberAccumulator,
    NumberFeature,
    component_count,
    merge_numbers,
    own_units,
)
from laketrain.tasks.sampling import spread
from laketrain.tasks.training_metrics import number_metric

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark.sql import Column, DataFrame

_SAMPLED, _MOST_NUMBERS = 2_000, 20_000


class Regression(Task[NumberFeature]):
    """The task of targets of kind `value`."""

    name: ClassVar[str] = "regression"
    kinds: ClassVar[tuple[str, ...]] = ("value",)
    default_of: ClassVar[tuple[str, ...]] = ("value",)
    losses: ClassVar[tuple[str, ...]] = ("mse", "mae", "huber", "log_cosh", "quantile", "poisson")
    training_metrics: ClassVar[Mapping[str, Mode]] = {"mae": "min", "mse": "min", "rmse": "min", "r2": "max"}
    headline: ClassVar[Headline] = Headline("mae", "Mean absolute error")
    metrics: ClassVar[tuple[str, ...]] = METRICS
    baselines: ClassVar[tuple[str, ...]] = ("mean", "last", "linear")
    in_spark_ml: ClassVar[bool] = True

    def row_loss(self, name: str, feature: NumberFeature, settings: Loss, from_logits: bool) -> RowLoss:
        return number_loss(name, settings)

    def training_metric(self, name: str, feature: NumberFeature) -> Any:
        return number_metric(name, feature.shape)

    def accumulator(self, name: str, feature: NumberFeature, rows: int, worst: int) -> Accumulator:
        most = max(1, min(_SAMPLED, _MOST_NUMBERS // component_count(feature)))
        return NumberAccumulator(feature, worst, spread(rows, most))

    def merge(self, feature: NumberFeature, parts: Sequence[dict[str, Any]], worst: int,
              weighted: bool) -> dict[str, Any]:
        return merge_numbers(feature, parts, worst, weighted)

    def baseline(self, name: str, column: str, feature: NumberFeature, sample: Sample) -> Baseline | None:
        if name == "last":
            return Persistence(column) if column in sample.last else None
        values = own_units(feature, sample.truth[column])
        if name == "mean":
            return Constant(np.average(values, axis=0, weights=sample.weights))
        return Linear(sample.least_squares(values))

    def headline_sums(self, feature: NumberFeature, truth: npt.NDArray[Any], predictions: npt.NDArray[Any],
                      weights: Floats) -> tuple[float, float]:
        errors = np.abs(own_units(feature, truth) - predictions).mean(axis=1)
        return float(weights @ errors), float(weights.sum())

    def columns(self, name: str, feature: NumberFeature, probabilities: bool) -> dict[str, str]:
        return {"prediction": "double" if feature.shape == (1,) else "array<double>"}

    def column_values(self, feature: NumberFeature, outputs: npt.NDArray[Any], bad: Bools,
                      probabilities: bool) -> dict[str, pa.Array]:
        """Numbers in the column's units, not scaled."""
        import pyarrow as pa

        from laketrain.tasks.lists import number_lists

        values = own_units(feature, outputs)
        return {"prediction": pa.array(values[:, 0], mask=bad) if feature.shape == (1,) else number_lists(values, bad)}

    def prediction_counts(self, frame: DataFrame, prefix: str, rows: int) -> dict[str, Any]:
        from laketrain.tasks.prediction_counts import summarise_numbers

        return summarise_numbers(frame, f"{prefix}prediction", rows)

    def spark_ml_columns(self, feature: NumberFeature, prefix: str) -> tuple[Column, Column | None]:
        from pyspark.sql import functions as F

        from laketrain.tasks.spark_vectors import vector

        number = F.col(f"{prefix}prediction")
        return number if feature.shape == (1,) else vector(number), None
