"""A train step compiled as graphs, with sums that stay exact over padded rows and over ranks.

    step = CompiledStep(SupervisedStep(), networks, objective, ranks=2)
    loss = step.train(inputs, targets, weights, valid)
    step.totals(world)           # {'loss': …, 'accuracy': …} of all rows since the last call, on every rank

A padded row has weight 0. As in Keras, a step's loss is the sum of weight × loss divided by the number of valid rows of
all ranks, so a smaller last batch counts as what it is. The totals of an epoch are sums over rows, not means of means:
loss and metrics are divided by the sum of the rows' weights, as scikit-learn and `laketrain.evaluate` do.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import tensorflow as tf

from laketrain.distributed.world import World
from laketrain.models.networks import Networks
from laketrain.models.train_step import StepBatch, StepResult, TrainStep
from laketrain.train.objective import Objective


class CompiledStep:
    """A train step on some networks.

    Args:
        networks: their optimizers may be distributed ones. ranks: how many share a global batch.

    Attributes:
        differentiable: whether the loss depends on any weight; known after the first step.
    """

    def __init__(self, step: TrainStep, networks: Networks, objective: Objective, ranks: int = 1) -> None:
        self.step, self.networks, self.objective, self._ranks = step, networks, objective, ranks
        self.differentiable = True
        # Over this rank's rows: weight × loss, and weights. Over whole batches: penalties × rows, and rows.
        self._loss, self._weight, self._penalty, self._rows = (_zero() for _ in range(4))
        # For each metric of the step, over whole batches: metric × rows, and rows.
        self._metrics = {name: (_zero(), _zero()) for name in step.metrics}
        # Horovod's kernels don't support XLA, so no jit_compile. AutoGraph converts conditions on tensors, which only
        # a user's code may contain. It takes time, and a temporary file for each function.
        graph = partial(tf.function, jit_compile=False, autograph=step.autograph or objective.of_user)
        self.train = graph(self._train)
        self.validate = graph(self._validate)

    def _train(self, inputs: Any, targets: Any, weights: tf.Tensor, valid: tf.Tensor) -> tf.Tensor:
        """One step on this rank's part of a global batch of `valid` rows; the rank's loss, scalar float32."""
        truth = self.objective.truth(inputs, targets)
        result = self.step.train(self.networks, self.objective, self._batch(inputs, truth, weights, valid))
        self.differentiable = result.differentiable
        return self._count(result, truth, weights, valid)

    def _validate(self, inputs: Any, targets: Any, weights: tf.Tensor, valid: tf.Tensor) -> tf.Tensor:
        truth = self.objective.truth(inputs, targets)
        result = self.step.validate(self.networks, self.objective, self._batch(inputs, truth, weights, valid))
        return self._count(result, truth, weights, valid)

    def _batch(self, inputs: Any, targets: Any, weights: tf.Tensor, valid: tf.Tensor) -> StepBatch:
        scale = tf.cast(self._ranks, tf.float32) / tf.cast(valid, tf.float32)
        return StepBatch(inputs, targets, weights * scale)

    def _count(self, result: StepResult, targets: Any, weights: tf.Tensor, valid: tf.Tensor) -> tf.Tensor:
        rows = tf.cast(valid, tf.float64)
        penalty = tf.zeros(()) if result.penalty is None else result.penalty
        self._loss.assign_add(tf.cast(result.loss, tf.float64) * rows / self._ranks)
        self._weight.assign_add(tf.reduce_sum(tf.cast(weights, tf.float64)))
        self._penalty.assign_add(tf.cast(penalty, tf.float64) * rows)
        self._rows.assign_add(rows)
        for name, value in result.metrics.items():
            total, counted = self._metrics[name]
            total.assign_add(tf.cast(value, tf.float64) * rows)
            counted.assign_add(rows)
        self.objective.count(targets, result.predictions, weights)
        return result.loss + penalty

    def running(self) -> dict[str, float]:
        """This rank's loss and metrics since the last `totals`, for the progress bar."""
        return self._means([float(variable.numpy()) for variable in self._sums_of_step])

    def totals(self, world: World) -> dict[str, float]:
        """Loss and metrics over all rows of all ranks since the last call, and resets them."""
        sums = [float(world.sum(float(variable.numpy()))) for variable in self._sums_of_step]
        for variable in self.objective.variables:
            variable.assign(world.sum(np.asarray(variable.numpy())))
        totals = self._means(sums)
        self.objective.reset()
        for variable in self._sums_of_step:
            variable.assign(0.0)
        return totals

    def sums(self) -> list[Any]:
        """This rank's sums since the last `totals`, as plain lists, for a checkpoint."""
        return [np.asarray(variable.numpy()).tolist() for variable in self._all_sums]

    def restore(self, sums: list[Any]) -> None:
        """Continues from these sums."""
        for variable, value in zip(self._all_sums, sums, strict=True):
            variable.assign(np.asarray(value, variable.numpy().dtype))

    def restore_merged(self, ranks: list[list[Any]], world: World) -> None:
        """Continues from the sums of another number of ranks: rank 0 gets those of all of them, the others none."""
        merged = [np.sum([np.asarray(sums[index]) for sums in ranks], axis=0) for index in range(len(ranks[0]))]
        # Every rank counts these over whole batches, so they scale with the number of ranks.
        for index in range(2, len(self._sums_of_step)):
            merged[index] = merged[index] * world.size / len(ranks)
        self.restore([each if world.is_chief else np.zeros_like(each) for each in merged])

    def _means(self, sums: list[float]) -> dict[str, float]:
        """By the values of `_sums_of_step`. A metric that no batch has counted is left out."""
        loss, weight, penalty, rows, *metrics = sums
        means = {name: total / counted for name, total, counted
                 in zip(self._metrics, metrics[::2], metrics[1::2], strict=True) if counted}
        return {"loss": loss / (weight or 1.0) + penalty / (rows or 1.0), **means, **self.objective.results()}

    @property
    def _sums_of_step(self) -> list[Any]:
        return [self._loss, self._weight, self._penalty, self._rows,
                *(variable for pair in self._metrics.values() for variable in pair)]

    @property
    def _all_sums(self) -> list[Any]:
        return [*self._sums_of_step, *self.objective.variables]


def _zero() -> tf.Variable:
    return tf.Variable(0.0, dtype=tf.float64, trainable=False)
