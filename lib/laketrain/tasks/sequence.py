"""Forecasts: each row has steps of numbers, such as the next hours of several series.

    load: {kind: sequence, role: target, column: next.load, shape: [24, 1]}
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt

from laketrain.features import TimeSeries
from laketrain.tasks.base import Bools, Mode
from laketrain.tasks.regression import Regression
from laketrain.tasks.regression.measure import NumberFeature, own_units

if TYPE_CHECKING:
    import pyarrow as pa


class SequenceRegression(Regression):
    """The task of targets of kind `sequence`. They are measured like values: each step of a channel is a component."""

    name: ClassVar[str] = "sequence"
    kinds: ClassVar[tuple[str, ...]] = ("sequence",)
    default_of: ClassVar[tuple[str, ...]] = ("sequence",)
    # Keras' R² doesn't accept steps.
    training_metrics: ClassVar[Mapping[str, Mode]] = {"mae": "min", "mse": "min", "rmse": "min"}
    in_spark_ml: ClassVar[bool] = False

    def model_problem(self, name: str, feature: NumberFeature) -> tuple[str, str] | None:
        if feature.zeros_are_padding:
            return f"can't predict the mask of target {name!r}", "leave out the target's 'mask'"
        return None

    def columns(self, name: str, feature: NumberFeature, probabilities: bool) -> dict[str, str]:
        return {"prediction": "array<array<double>>"}

    def column_values(self, feature: NumberFeature, outputs: npt.NDArray[Any], bad: Bools,
                      probabilities: bool) -> dict[str, pa.Array]:
        from laketrain.tasks.lists import lists_of, number_lists

        assert isinstance(feature, TimeSeries)
        steps = own_units(feature, outputs[~bad]).reshape(-1, feature.width)
        inner = number_lists(steps, np.zeros(len(steps), np.bool_))
        return {"prediction": lists_of(np.where(bad, 0, feature.steps), inner, bad)}
