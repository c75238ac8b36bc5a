"""The compiled train and validation steps, with sums that stay exact over padded rows and over ranks.

    steps = Steps(model, batch=64)
    loss = steps.train(inputs, targets, weights, real)
    steps.totals(world)          # {'loss': …, 'accuracy': …} of all rows since the last call, on every rank

A padded row has weight 0. The loss of a batch is the mean over its real rows, all ranks together, so a tail batch
counts as the smaller batch that it is; over an epoch, losses and metrics are sums over rows, not means of means.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from laketrain.distributed.world import World


class Steps:
    """Steps of a compiled model.

    Args:
        model: its optimizer may be a distributed one. batch: the global batch.
        class_weights: by which the losses of training are multiplied, one a class; metrics are not.
    """

    def __init__(self, model: keras.Model, batch: int, class_weights: Sequence[float] | None = None) -> None:
        self.model, self._batch = model, batch
        self._class_weights = None if class_weights is None else tf.constant(class_weights, tf.float32)
        self._loss = tf.Variable(0.0, dtype=tf.float64, trainable=False)
        self._rows = tf.Variable(0, dtype=tf.int64, trainable=False)
        # Horovod's kernels are none of XLA's, so no jit_compile.
        self.train = tf.function(self._train, jit_compile=False)
        self.validate = tf.function(self._validate, jit_compile=False)

    def _train(self, inputs: Any, targets: Any, weights: tf.Tensor, real: tf.Tensor) -> tf.Tensor:
        """One optimizer step on this rank's part of a global batch; the rank's loss, scalar float32."""
        model = self.model
        with tf.GradientTape() as tape:
            predictions = model(inputs, training=True)
            loss = self._mean_loss(inputs, targets, predictions, self._weighed(targets, weights), real, training=True)
            scaled = model.optimizer.scale_loss(loss)
        variables = model.trainable_weights
        model.optimizer.apply(tape.gradient(scaled, variables), variables)
        self._count(inputs, targets, predictions, weights, real, loss)
        return loss

    def _validate(self, inputs: Any, targets: Any, weights: tf.Tensor, real: tf.Tensor) -> tf.Tensor:
        predictions = self.model(inputs, training=False)
        loss = self._mean_loss(inputs, targets, predictions, weights, real, training=False)
        self._count(inputs, targets, predictions, weights, real, loss)
        return loss

    def _weighed(self, targets: Any, weights: tf.Tensor) -> tf.Tensor:
        return weights if self._class_weights is None else weights * tf.gather(self._class_weights, targets)

    def _mean_loss(self, inputs: Any, targets: Any, predictions: Any, weights: tf.Tensor, real: tf.Tensor,
                   training: bool) -> tf.Tensor:
        """Keras divides by this rank's rows, padding too; averaged over the ranks that is a division by `batch`.
        Weights larger by batch / real make it the division by the real rows. Penalties stay as they are."""
        scale = tf.cast(self._batch, tf.float32) / tf.cast(real, tf.float32)
        return self.model.compute_loss(inputs, targets, predictions, sample_weight=weights * scale, training=training)

    def _count(self, inputs: Any, targets: Any, predictions: Any, weights: tf.Tensor, real: tf.Tensor,
               loss: tf.Tensor) -> None:
        self._loss.assign_add(tf.cast(loss, tf.float64) * tf.cast(real, tf.float64))
        self._rows.assign_add(tf.cast(real, tf.int64))
        self.model.compute_metrics(inputs, targets, predictions, sample_weight=weights)

    def running(self) -> dict[str, float]:
        """This rank's own loss and metrics since the last `totals`: for the eye, while an epoch runs."""
        rows = max(1, int(self._rows.numpy()))
        return {"loss": float(self._loss.numpy()) / rows, **self._results()}

    def totals(self, world: World) -> dict[str, float]:
        """Loss and metrics over all rows of all ranks since the last call, and back to zero."""
        loss = float(world.sum(float(self._loss.numpy()))) / world.size / max(1, int(self._rows.numpy()))
        variables = [variable for metric in self._metrics() for variable in metric.variables]
        for variable in variables:
            variable.assign(world.sum(np.asarray(variable.numpy())))
        found = {"loss": loss, **self._results()}
        for metric in self._metrics():
            metric.reset_state()
        self._loss.assign(0.0)
        self._rows.assign(0)
        return found

    def _metrics(self) -> list[Any]:
        """The compiled metrics; Keras' own loss tracker is not updated by us."""
        return [metric for metric in self.model.metrics if metric.name != "loss"]

    def _results(self) -> dict[str, float]:
        results = self.model.get_metrics_result()
        return {name: float(value) for name, value in results.items() if name != "loss"}
