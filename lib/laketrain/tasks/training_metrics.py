"""Keras metrics for training, with variables from the start.

    metric = number_metric("mae", shape=(3,))
    metric.update_state(truth, outputs, sample_weight=weights)
"""

from __future__ import annotations

from typing import Any


def number_metric(name: str, shape: tuple[int, ...]) -> Any:
    """The Keras metric of numbers whose rows have this shape."""
    import keras

    metrics = {"mae": keras.metrics.MeanAbsoluteError, "mse": keras.metrics.MeanSquaredError,
               "rmse": keras.metrics.RootMeanSquaredError, "r2": keras.metrics.R2Score}
    return build_metric(metrics[name](name=name), shape)


def build_metric(metric: Any, shape: tuple[int, ...]) -> Any:
    """Creates the variables of a Keras metric, and returns it.

    Some metrics create them only when they see the first rows, but a resumed training restores their values before.
    """
    import tensorflow as tf

    if not metric.variables:
        zeros = tf.zeros((1, *shape))
        metric.update_state(zeros, zeros, sample_weight=tf.zeros(1))
        metric.reset_state()
    return metric
