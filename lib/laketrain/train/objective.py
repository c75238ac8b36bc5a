"""What training minimises and what it measures, by output: one loss a row, and metrics whose sums can be merged.

    objective = Objective(dataset.features, config, user={})
    loss = objective.loss(targets, predictions, weights, training=True)      # (n,) weights -> scalar: a weighted sum
    objective.count(targets, predictions, weights)
    objective.results()                                                      # {"accuracy": 0.97}

Losses are functions of Keras; they stay out of the saved model, so loading it needs none of ours.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from laketrain.config.loss import Loss, by_target
from laketrain.errors import DataError
from laketrain.features import FeatureSet
from laketrain.tasks import Output
from laketrain.tasks.losses import RowLoss, per_row
from laketrain.workload import Train
from laketrain.workload.checks import training


class Objective:
    """The losses and metrics of a model's outputs.

    Args:
        features: the dataset's, as learnt. config: of the YAML.
        user: the functions that `use` names, by that name.
        outputs: what the model learns; by default as the model itself declares it.

    Attributes:
        of_user: whether a loss is the user's own code.

    Where the model gives logits (`model: {from_logits: true}`), losses are computed from them, and metrics from their
    probabilities; a loss of the user's own gets the logits.

    Raises:
        DataError: a loss or metric that doesn't suit its target, a name of no target, or a setting without an effect.
    """

    def __init__(self, features: FeatureSet, config: Train, user: Mapping[str, Any],
                 outputs: Mapping[str, Output] | None = None) -> None:
        for problem in training.problems(config, features):
            raise DataError("train", problem.where, problem.problem, problem.hint)
        self._outputs = config.model.tasks(features) if outputs is None else dict(outputs)
        self._targets = tuple(features.targets)
        losses = by_target(config.loss, self._outputs)
        self._logits = config.model.gives_logits
        self._losses = {name: (loss.weight, _row_loss(self._outputs[name], loss, user, self._logits))
                        for name, loss in losses.items()}
        self.of_user = any(loss.use is not None for loss in losses.values())
        self._metrics = {name: [_metric(self._outputs[name], metric) for metric in chosen]
                         for name, chosen in by_target(config.metrics, self._outputs).items()}
        self._class_weights = {} if config.class_weights is None else {
            name: output.task.class_weights(output.feature) for name, output in self._outputs.items()
            if output.task.weighs_classes}

    def truth(self, inputs: Mapping[str, Any], targets: Any) -> Any:
        """What the outputs are compared with, of a batch: its targets and, where an output reconstructs an input, its
        inputs."""
        if all(name == output.truth and name in self._targets for name, output in self._outputs.items()):
            return targets
        columns = {**inputs, **(targets if isinstance(targets, dict) else {self._targets[0]: targets})}
        return {name: columns[output.truth] for name, output in self._outputs.items()}

    def loss(self, targets: Any, predictions: Any, weights: tf.Tensor, training: bool) -> tf.Tensor:
        """The sum over the rows of weight × loss, of all outputs; scalar float32."""
        truth, outputs = self._named(targets), self._named(predictions)
        total = tf.zeros((), tf.float32)
        for name, (factor, row_loss) in self._losses.items():
            rows = tf.cast(row_loss(truth[name], tf.cast(outputs[name], tf.float32)), tf.float32)
            weighed = self._weighed(name, truth[name], weights) if training else weights
            total += factor * tf.reduce_sum(rows * weighed)
        return total

    def count(self, targets: Any, predictions: Any, weights: tf.Tensor) -> None:
        """Adds rows to the metrics."""
        truth, outputs = self._named(targets), self._named(predictions)
        for name, metrics in self._metrics.items():
            true, predicted = self._outputs[name].task.metric_inputs(
                truth[name], tf.cast(outputs[name], tf.float32), self._logits)
            for metric in metrics:
                metric.update_state(true, predicted, sample_weight=weights)

    def results(self) -> dict[str, float]:
        """Of all rows since `reset`; named `<output>_<metric>` where there are several outputs."""
        several = len(self._outputs) > 1
        return {f"{name}_{metric.name}" if several else metric.name: float(metric.result())
                for name, metrics in self._metrics.items() for metric in metrics}

    @property
    def variables(self) -> list[Any]:
        """Sums, all of them: added over ranks they are those of all rows."""
        return [variable for metrics in self._metrics.values() for metric in metrics for variable in metric.variables]

    def reset(self) -> None:
        """Back to no rows."""
        for metrics in self._metrics.values():
            for metric in metrics:
                metric.reset_state()

    def _named(self, values: Any) -> dict[str, Any]:
        """By output; the feed and Keras give a single one without its name."""
        if isinstance(values, dict):
            return values
        return dict.fromkeys(self._outputs, values)

    def _weighed(self, name: str, truth: Any, weights: tf.Tensor) -> tf.Tensor:
        if name not in self._class_weights:
            return weights
        classes = tf.constant(self._class_weights[name], tf.float32)
        if len(truth.shape) == 2:  # mixed rows are a little of two classes
            return weights * tf.linalg.matvec(tf.cast(truth, tf.float32), classes)
        return weights * tf.gather(classes, truth)


def _row_loss(output: Output, loss: Loss, user: Mapping[str, Any], from_logits: bool) -> RowLoss:
    if loss.use is not None:
        return per_row(user[loss.use])
    name = output.task.loss_name(output.feature.kind, loss.name)
    return output.task.row_loss(name, output.feature, loss, from_logits and output.task.activation is not None)


def _metric(output: Output, metric: str) -> Any:
    return output.task.training_metric(output.task.metric_name(metric), output.feature)
