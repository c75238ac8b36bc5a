"""Losses of numbers, one value for each row. A saved model doesn't contain them.

    loss = number_loss("huber", settings)
    loss(truth, outputs)                    # (n, …) each -> (n,)
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from laketrain.config.loss import Loss

RowLoss = Callable[[Any, Any], Any]
"""A function of the truth and the outputs of n rows that returns (n,) float32."""


def number_loss(name: str, settings: Loss) -> RowLoss:
    """The loss `name` of truth and outputs of the same shape, (n, …): the mean over a row."""
    import keras

    losses: dict[str, RowLoss] = {
        "mse": keras.losses.mean_squared_error, "mae": keras.losses.mean_absolute_error,
        "huber": partial(keras.losses.huber, delta=settings.delta), "log_cosh": keras.losses.log_cosh,
        "poisson": keras.losses.poisson, "quantile": partial(pinball, settings.quantile)}
    return per_row(losses[name])


def binary_loss(name: str, settings: Loss, from_logits: bool) -> RowLoss:
    """The loss `name` of zeros and ones (or shares), and their probabilities or logits, (n, …): the mean over a row."""
    import keras

    losses: dict[str, RowLoss] = {
        "binary_crossentropy": partial(keras.losses.binary_crossentropy, label_smoothing=settings.label_smoothing,
                                       from_logits=from_logits),
        "focal": partial(keras.losses.binary_focal_crossentropy, apply_class_balancing=True, alpha=settings.alpha,
                         gamma=settings.gamma, from_logits=from_logits)}
    return per_row(losses[name])


def per_row(loss: RowLoss) -> RowLoss:
    """A row loss from `loss`, which is called with float32 truth: averages what it returns over all axes of a row."""
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
