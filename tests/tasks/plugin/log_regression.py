"""A task outside the package: numbers above 0, learnt and measured by their logarithm.

    price: {kind: value, size: 1, task: log_regression}
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np
import pyarrow as pa

from laketrain.features import Value
from laketrain.tasks import Accumulator, Headline, Task, register
from laketrain.tasks.accumulator import counted
from laketrain.tasks.baselines import Constant
from laketrain.tasks.training_metrics import build_metric


class LogErrors(Accumulator):
    def __init__(self):
        super().__init__()
        self._errors = 0.0

    def _add(self, rows, truth, outputs, weights):
        self._errors += float(weights @ np.abs(outputs[:, 0] - np.log(truth[:, 0])))

    def _part(self):
        return {"errors": self._errors}


class LogRegression(Task[Value]):
    name = "log_regression"
    kinds = ("value",)
    losses = ("log_error",)
    training_metrics: ClassVar[Mapping[str, str]] = {"factor": "min"}
    headline = Headline("log_mae", "Mean absolute log error")
    metrics = ("log_mae",)
    baselines = ("geometric_mean",)
    constant_baselines = ("geometric_mean",)

    def row_loss(self, name, feature, settings, from_logits):
        import keras

        return lambda truth, outputs: keras.ops.square(outputs[:, 0] - keras.ops.log(truth[:, 0]))

    def training_metric(self, name, feature):
        import keras

        return build_metric(keras.metrics.MeanAbsolutePercentageError(name=name), feature.shape)

    def metric_inputs(self, truth, outputs, from_logits):
        import keras

        return truth, keras.ops.exp(outputs)

    def accumulator(self, name, feature, rows, worst):
        return LogErrors()

    def merge(self, feature, parts, worst, weighted):
        error = sum(part["errors"] for part in parts) / sum(part["weight"] for part in parts)
        return {**counted(parts, weighted), "metrics": {"log_mae": error, "typical_factor": float(np.exp(error))}}

    def baseline(self, name, column, feature, sample):
        return Constant(np.average(np.log(sample.truth[column]), axis=0, weights=sample.weights))

    def headline_sums(self, feature, truth, predictions, weights):
        return float(weights @ np.abs(np.log(truth) - predictions)[:, 0]), float(weights.sum())

    def notices(self, target, section, split):
        yield f"{target!r} is off by a factor of {section['metrics']['typical_factor']:.2f}"

    def columns(self, name, feature, probabilities):
        return {"estimate": "double", "log_estimate": "double"}

    def column_values(self, feature, outputs, bad, probabilities):
        logs = outputs[:, 0].astype(np.float64)
        return {"estimate": pa.array(np.exp(logs), mask=bad), "log_estimate": pa.array(logs, mask=bad)}


register(LogRegression())
