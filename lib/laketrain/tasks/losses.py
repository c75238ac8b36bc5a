"""Losses of numbers, a number a row. They are functions of Keras, so a saved model needs none of ours.

    loss = number_loss("huber", settings)
    loss(truth, outputs)                    # (n, …) each -> (n,)
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from laketrain.config.loss import Loss

RowLoss = Callable[[Any, Any], Any]
"""Truth and outputs of n rows to (n,) float32."""


def number_loss(name: str, settings: Loss) -> RowLoss:
    """Of truth and outputs of one shape, (n, …); the mean over a row."""
    import keras

    losses: dict[str, RowLoss] = {
        "mse": keras.losses.mean_squared_error, "mae": keras.losses.mean_absolute_error,
        "huber": partial(keras.losses.huber, delta=settings.delta), "log_cosh": keras.losses.log_cosh,
        "poisson": keras.losses.poisson, "quantile": partial(pinball, settings.quantile)}
    return per_row(losses[name])


def binary_loss(name: str, settings: Loss, from_logits: bool) -> RowLoss:
    """Of zeros and ones, or shares, and their probabilities or logits, (n, …); the mean over a row."""
    import keras

    losses: dict[str, RowLoss] = {
        "binary_crossentropy": partial(keras.losses.binary_crossentropy, label_smoothing=settings.label_smoothing,
                                       from_logits=from_logits),
        "focal": partial(keras.losses.binary_focal_crossentropy, apply_class_balancing=True, alpha=settings.alpha,
                         gamma=settings.gamma, from_logits=from_logits)}
    return per_row(losses[name])


def per_row(loss: RowLoss) -> RowLoss:
    """`loss` averages over the last axis alone; this one averages over all axes of a row."""
    import tensorflow as tf

    def rows(truth: Any, outputs: Any) -> Any:
        losses = loss(tf.cast(truth, tf.float32), outputs)
        return tf.reduce_mean(tf.reshape(losses, (tf.shape(losses)[0], -1)), axis=1)

    return rows


def pinball(quantile: float, truth: Any, outputs: Any) -> Any:
    """The quantile loss of Koenker and Bassett 1978."""
    import tensorflow as tf

    error = truth - outputs
    return tf.reduce_mean(tf.maximum(quantile * error, (quantile - 1) * error), axis=-1)


def built(metric: Any, shape: tuple[int, ...]) -> Any:
    """A Keras metric whose variables exist: some make them when they see the first rows, and a resumed training has
    values for them before that."""
    import tensorflow as tf

    if not metric.variables:
        zeros = tf.zeros((1, *shape))
        metric.update_state(zeros, zeros, sample_weight=tf.zeros(1))
        metric.reset_state()
    return metric
