"""A train step: what happens with one global batch. Forward pass, loss, gradients and updates are up to it.

    class Adversarial(TrainStep):
        metrics = ("discriminator_loss",)

        def train(self, networks, objective, batch):
            with tf.GradientTape() as tape:
                …
                scaled = networks["discriminator"].optimizer.scale_loss(loss)
            update(networks["discriminator"], tape, scaled)
            …
            return StepResult(loss, predictions, metrics={"discriminator_loss": …})

A model returns its own from `Model.train_step`; `train.step` names another. Without either, training is supervised.
Optimizers average their gradients over the ranks, so weights stay equal where a step changes them by `update` alone.
A step object has no state that a checkpoint would miss: what must survive a restart is a weight of a network.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

if TYPE_CHECKING:
    import keras

    from laketrain.models.networks import Networks


@dataclass(frozen=True)
class StepBatch:
    """One rank's rows of a global batch.

    Attributes:
        inputs: tensors by feature. targets: a tensor, or tensors by feature.
        weights: (n,) float32, 0 for padded rows. They are scaled: the sum of weight × loss over this rank's rows,
            averaged over the ranks, is the mean over all rows of the global batch.
    """

    inputs: Any
    targets: Any
    weights: Any


@dataclass(frozen=True)
class StepResult:
    """The outcome of a step on one rank.

    Attributes:
        loss: scalar, by the batch's scaled weights. predictions: of the predicting network, for the metrics.
        penalty: scalar that no row weights, such as a regulariser's; None for 0.
        metrics: scalars by name, scaled as the loss is; the names are those of `TrainStep.metrics`.
        differentiable: whether the loss depends on any weight.
    """

    loss: Any
    predictions: Any
    penalty: Any = None
    metrics: Mapping[str, Any] = field(default_factory=dict)
    differentiable: bool = True


class RowLosses(Protocol):
    """The losses that the workload declares for the targets."""

    def loss(self, targets: Any, predictions: Any, weights: Any, training: bool) -> Any:
        """The sum of weight × loss over the rows; scalar float32."""
        ...


class TrainStep:
    """Subclasses implement `train`, and `validate` where the predicting network's loss isn't what they measure. Both
    are compiled as graphs by `tf.function`."""

    metrics: ClassVar[tuple[str, ...]] = ()
    """Names of the metrics that it returns next to the loss."""
    autograph: ClassVar[bool] = True
    """Whether it may contain Python conditions on tensors."""
    zero_loss_is_perfect: ClassVar[bool] = False
    """Whether a loss of 0 means that nothing is left to learn, so that unchanged weights are no mistake."""

    def train(self, networks: Networks, objective: RowLosses, batch: StepBatch) -> StepResult:
        """Updates the networks from this rank's rows."""
        raise NotImplementedError

    def validate(self, networks: Networks, objective: RowLosses, batch: StepBatch) -> StepResult:
        """Measures rows without changing weights: by default the declared losses of the predicting network."""
        model = networks.predicting
        predictions = model(batch.inputs, training=False)
        loss = objective.loss(batch.targets, predictions, batch.weights, training=False)
        return StepResult(loss, predictions, penalties(model))


def update(network: keras.Model, tape: Any, scaled_loss: Any) -> bool:
    """Takes a step of the network's optimizer along the gradients, averaged over the ranks.

    Args:
        tape: a `tf.GradientTape` that is no longer recording. scaled_loss: from `network.optimizer.scale_loss`, called
            while the tape records.

    Returns:
        Whether the loss depends on any of the network's weights. If not, nothing is updated.
    """
    variables = network.trainable_weights
    gradients = tape.gradient(scaled_loss, variables)
    if all(gradient is None for gradient in gradients):
        return False
    network.optimizer.apply(gradients, variables)
    return True


def penalties(network: keras.Model) -> Any:
    """The network's own losses, such as those of regularisers, which no row weights; scalar float32."""
    import tensorflow as tf

    values = [tf.cast(value, tf.float32) for value in network.losses]
    return tf.add_n(values) if values else tf.zeros(())
