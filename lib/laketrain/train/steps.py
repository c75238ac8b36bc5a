"""The train and validation steps as graphs, with sums that stay exact over padded rows and over ranks.

    steps = Steps(model, objective, ranks=2)
    loss = steps.train(inputs, targets, weights, real)
    steps.totals(world)          # {'loss': …, 'accuracy': …} of all rows since the last call, on every rank

A padded row has weight 0. The loss of a batch is the mean over its real rows, all ranks together, so a tail batch
counts as the smaller batch that it is; over an epoch, losses and metrics are sums over rows, not means of means.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from laketrain.distributed.world import World
from laketrain.train.objective import Objective


class Steps:
    """Steps of a model.

    Args:
        model: its optimizer may be a distributed one. ranks: that share a global batch.
        own: the user's train step, of (model, inputs, targets, weights) to this rank's loss; None for ours.

    Attributes:
        sloped: whether the loss depends on any weight; known after the first step.
    """

    def __init__(self, model: keras.Model, objective: Objective, ranks: int = 1,
                 own: Callable[..., Any] | None = None) -> None:
        self.model, self.objective, self._ranks, self._own = model, objective, ranks, own
        self.sloped = True
        self._loss = tf.Variable(0.0, dtype=tf.float64, trainable=False)
        self._rows = tf.Variable(0, dtype=tf.int64, trainable=False)
        # Horovod's kernels are none of XLA's, so no jit_compile. AutoGraph makes graphs of conditions on tensors, which
        # only a user's code may have; it takes its time, and a file in the temporary folder for each function.
        graph = partial(tf.function, jit_compile=False, autograph=own is not None or objective.of_user)
        self.train = graph(self._train if own is None else self._train_as_told)
        self.validate = graph(self._validate)

    def _train(self, inputs: Any, targets: Any, weights: tf.Tensor, real: tf.Tensor) -> tf.Tensor:
        """One optimizer step on this rank's part of a global batch; the rank's loss, scalar float32."""
        model = self.model
        with tf.GradientTape() as tape:
            predictions = model(inputs, training=True)
            loss = self._mean_loss(targets, predictions, weights, real, training=True)
            scaled = model.optimizer.scale_loss(loss)
        variables = model.trainable_weights
        gradients = tape.gradient(scaled, variables)
        # Known while the graph is made, from which no error of ours would come out as it is.
        self.sloped = any(gradient is not None for gradient in gradients)
        if self.sloped:
            model.optimizer.apply(gradients, variables)
        self._count(targets, predictions, weights, real, loss)
        return loss

    def _train_as_told(self, inputs: Any, targets: Any, weights: tf.Tensor, real: tf.Tensor) -> tf.Tensor:
        """The user's step. Its weights are such that the sum of weight × loss over this rank's rows, averaged over the
        ranks, is the mean over the real rows of all."""
        assert self._own is not None
        loss = tf.cast(self._own(self.model, inputs, targets, weights * self._share(real)), tf.float32)
        predictions = self.model(inputs, training=False)
        self._count(targets, predictions, weights, real, loss)
        return loss

    def _validate(self, inputs: Any, targets: Any, weights: tf.Tensor, real: tf.Tensor) -> tf.Tensor:
        predictions = self.model(inputs, training=False)
        loss = self._mean_loss(targets, predictions, weights, real, training=False)
        self._count(targets, predictions, weights, real, loss)
        return loss

    def _mean_loss(self, targets: Any, predictions: Any, weights: tf.Tensor, real: tf.Tensor,
                   training: bool) -> tf.Tensor:
        """Averaged over the ranks it is the mean over the batch's real rows, and the penalties as they are."""
        loss = self.objective.loss(targets, predictions, weights * self._share(real), training)
        penalties = [tf.cast(penalty, tf.float32) for penalty in self.model.losses]
        return tf.add_n([loss, *penalties]) if penalties else loss

    def _share(self, real: tf.Tensor) -> tf.Tensor:
        return tf.cast(self._ranks, tf.float32) / tf.cast(real, tf.float32)

    def _count(self, targets: Any, predictions: Any, weights: tf.Tensor, real: tf.Tensor, loss: tf.Tensor) -> None:
        self._loss.assign_add(tf.cast(loss, tf.float64) * tf.cast(real, tf.float64))
        self._rows.assign_add(tf.cast(real, tf.int64))
        self.objective.count(targets, predictions, weights)

    def running(self) -> dict[str, float]:
        """This rank's own loss and metrics since the last `totals`: for the eye, while an epoch runs."""
        rows = max(1, int(self._rows.numpy()))
        return {"loss": float(self._loss.numpy()) / rows, **self.objective.results()}

    def totals(self, world: World) -> dict[str, float]:
        """Loss and metrics over all rows of all ranks since the last call, and back to zero."""
        loss = float(world.sum(float(self._loss.numpy()))) / world.size / max(1, int(self._rows.numpy()))
        for variable in self.objective.variables:
            variable.assign(world.sum(np.asarray(variable.numpy())))
        found = {"loss": loss, **self.objective.results()}
        self.objective.reset()
        self._loss.assign(0.0)
        self._rows.assign(0)
        return found

    def sums(self) -> list[Any]:
        """What this rank has counted since the last `totals`, as plain lists, for a checkpoint."""
        return [np.asarray(variable.numpy()).tolist() for variable in self._counted()]

    def restore(self, sums: list[Any]) -> None:
        """Goes on counting from there."""
        for variable, value in zip(self._counted(), sums, strict=True):
            variable.assign(np.asarray(value, variable.numpy().dtype))

    def restore_merged(self, ranks: list[list[Any]], world: World) -> None:
        """The same for other ranks than there were: the chief gets the sums of all of them, the others none."""
        of_loss, of_rows, *of_metrics = (np.sum([np.asarray(sums[place]) for sums in ranks], axis=0)
                                         for place in range(len(ranks[0])))
        # Every rank counts all rows of the batch, and a loss that is a mean over the ranks.
        loss = of_loss * world.size / len(ranks) if world.is_chief else 0.0
        others = [values if world.is_chief else np.zeros_like(values) for values in of_metrics]
        self.restore([loss, of_rows // len(ranks), *others])

    def _counted(self) -> list[Any]:
        return [self._loss, self._rows, *self.objective.variables]
