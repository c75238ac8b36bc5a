"""Crossentropies of classes, from Keras' functions."""

from __future__ import annotations

from typing import Any

from laketrain.config.loss import Loss
from laketrain.tasks.losses import RowLoss


def class_loss(classes: int, settings: Loss, focal: bool, from_logits: bool) -> RowLoss:
    """The loss of truth, (n,) classes or (n, classes) shares of them, and outputs, (n, classes)."""
    import keras
    import tensorflow as tf

    def rows(truth: Any, outputs: Any) -> Any:
        if not focal and not settings.label_smoothing and len(truth.shape) == 1:
            return keras.losses.sparse_categorical_crossentropy(truth, outputs, from_logits=from_logits)
        shares = tf.one_hot(truth, classes) if len(truth.shape) == 1 else tf.cast(truth, tf.float32)
        if focal:
            return keras.losses.categorical_focal_crossentropy(shares, outputs, alpha=settings.alpha,
                                                               gamma=settings.gamma, from_logits=from_logits)
        return keras.losses.categorical_crossentropy(shares, outputs, label_smoothing=settings.label_smoothing,
                                                     from_logits=from_logits)

    return rows
