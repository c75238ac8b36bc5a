"""The train steps of a workload: supervised by default, or what the model or `train.step` provides.

    step = choose_train_step(config, functions)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import tensorflow as tf

from laketrain.models.networks import Networks
from laketrain.models.train_step import RowLosses, StepBatch, StepResult, TrainStep, penalties, update
from laketrain.workload import Train


class SupervisedStep(TrainStep):
    """Minimises the declared losses of the predicting network, and its penalties."""

    autograph = False
    zero_loss_is_perfect = True

    def train(self, networks: Networks, objective: RowLosses, batch: StepBatch) -> StepResult:
        model = networks.predicting
        with tf.GradientTape() as tape:
            predictions = model(batch.inputs, training=True)
            loss = objective.loss(batch.targets, predictions, batch.weights, training=True)
            penalty = penalties(model)
            scaled = model.optimizer.scale_loss(loss + penalty)
        # A graph can't raise our own errors, so the caller checks this.
        differentiable = update(model, tape, scaled)
        return StepResult(loss, predictions, penalty, differentiable=differentiable)


class FunctionStep(TrainStep):
    """A function of the user's: (model, inputs, targets, weights) to this rank's loss. It applies the model's optimizer
    itself."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function

    def train(self, networks: Networks, objective: RowLosses, batch: StepBatch) -> StepResult:
        model = networks.predicting
        loss = tf.cast(self._function(model, batch.inputs, batch.targets, batch.weights), tf.float32)
        return StepResult(loss, model(batch.inputs, training=False))


def choose_train_step(config: Train, functions: Mapping[str, Any]) -> TrainStep:
    """The step that `train.step` names (a subclass of TrainStep, or a function), or else the model's own, or else the
    supervised one.

    Args:
        functions: the user's own functions and classes, by `module:name`.
    """
    if config.step is None:
        return config.model.train_step() or SupervisedStep()
    named = functions[config.step]
    return named() if isinstance(named, type) and issubclass(named, TrainStep) else FunctionStep(named)
