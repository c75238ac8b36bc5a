"""What a training makes small and what it measures, by target: one loss a row, and metrics whose sums can be merged.

    objective = Objective(dataset.features, config)
    loss = objective.loss(targets, predictions, weights)      # (n,) weights -> scalar: the weighted sum over rows
    objective.count(targets, predictions, weights)
    objective.results()                                       # {"accuracy": 0.97}

Losses are functions of Keras' own; they stay out of the saved model, so that whoever loads it needs none of ours.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import keras
import tensorflow as tf

from laketrain.config.loss import Loss, by_target, metric_of, suits
from laketrain.errors import DataError
from laketrain.features import Feature, FeatureSet, Label
from laketrain.models.heads import DISTRIBUTIONS
from laketrain.workload import Train
from laketrain.workload.checks import training

RowLoss = Callable[[Any, Any], Any]
"""Targets and predictions of n rows to (n,) float32."""


class Objective:
    """The losses and metrics of a dataset's targets.

    Args:
        features: the dataset's, as learnt. config: of the YAML.
        user: the functions that `use` names, by that name.

    Attributes:
        of_user: whether a loss is the user's own code.

    Where the model says logits (`model: {from_logits: true}`), losses are computed from them and metrics from what they
    mean; a loss of the user's own gets what the model says.

    Raises:
        DataError: a loss or metric that doesn't suit its target, a name that is no target's, or a setting that would do
            nothing.
    """

    def __init__(self, features: FeatureSet, config: Train, user: Mapping[str, Any]) -> None:
        self._targets = dict(features.targets)
        for problem in training.problems(config, features):
            raise DataError("train", problem.where, problem.problem, problem.hint)
        losses = by_target(config.loss, self._targets)
        self._logits = config.model.gives_logits
        self._losses = {name: (loss.weight, _row_loss(self._targets[name], loss, user, self._logits))
                        for name, loss in losses.items()}
        self.of_user = any(loss.use is not None for loss in losses.values())
        self._metrics = {name: [_metric(self._targets[name], metric) for metric in chosen]
                         for name, chosen in by_target(config.metrics, self._targets).items()}
        self._class_weights = _class_weights(config, self._targets)

    def loss(self, targets: Any, predictions: Any, weights: tf.Tensor, training: bool) -> tf.Tensor:
        """The sum over the rows of weight × loss, of all targets; scalar float32."""
        truth, said = self._named(targets), self._named(predictions)
        total = tf.zeros((), tf.float32)
        for name, (factor, row_loss) in self._losses.items():
            rows = tf.cast(row_loss(truth[name], tf.cast(said[name], tf.float32)), tf.float32)
            weighed = self._weighed(name, truth[name], weights) if training else weights
            total += factor * tf.reduce_sum(rows * weighed)
        return total

    def count(self, targets: Any, predictions: Any, weights: tf.Tensor) -> None:
        """Adds rows to the metrics."""
        truth, said = self._named(targets), self._named(predictions)
        for name, metrics in self._metrics.items():
            meant = _meant(self._targets[name], tf.cast(said[name], tf.float32), self._logits)
            for metric in metrics:
                metric.update_state(_hard(self._targets[name], truth[name]), meant, sample_weight=weights)

    def results(self) -> dict[str, float]:
        """Of all rows since `reset`; named `<target>_<metric>` where there are several targets."""
        several = len(self._targets) > 1
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
        """Of each target; the feed and Keras give the only one without its name."""
        if isinstance(values, dict):
            return values
        return dict.fromkeys(self._targets, values)

    def _weighed(self, name: str, truth: Any, weights: tf.Tensor) -> tf.Tensor:
        if self._class_weights is None or not isinstance(self._targets[name], Label):
            return weights
        classes = tf.constant(self._class_weights, tf.float32)
        if len(truth.shape) == 2:  # mixed rows are a little of two classes
            return weights * tf.linalg.matvec(tf.cast(truth, tf.float32), classes)
        return weights * tf.gather(classes, truth)


def _class_weights(config: Train, targets: Mapping[str, Feature]) -> tuple[float, ...] | None:
    if config.class_weights is None:
        return None
    [label] = (feature for feature in targets.values() if isinstance(feature, Label))
    return label.balanced()


def _meant(feature: Feature, said: Any, logits: bool) -> Any:
    """Of logits the probabilities."""
    if not logits or feature.kind not in DISTRIBUTIONS:
        return said
    return tf.nn.softmax(said) if isinstance(feature, Label) else tf.nn.sigmoid(said)


def _row_loss(feature: Feature, loss: Loss, user: Mapping[str, Any], logits: bool) -> RowLoss:
    if loss.use is not None:
        return _flat(user[loss.use])
    chosen = suits(feature.kind, loss.name)
    if isinstance(feature, Label):
        return _of_classes(feature.count, loss, focal=chosen == "focal", logits=logits)
    of_logits = logits and feature.kind in DISTRIBUTIONS
    kinds: dict[str, RowLoss] = {
        "mse": keras.losses.mean_squared_error, "mae": keras.losses.mean_absolute_error,
        "huber": partial(keras.losses.huber, delta=loss.delta), "log_cosh": keras.losses.log_cosh,
        "poisson": keras.losses.poisson, "quantile": partial(_pinball, loss.quantile),
        "binary_crossentropy": partial(keras.losses.binary_crossentropy, label_smoothing=loss.label_smoothing,
                                       from_logits=of_logits),
        "focal": partial(keras.losses.binary_focal_crossentropy, apply_class_balancing=True, alpha=loss.alpha,
                         gamma=loss.gamma, from_logits=of_logits),
    }
    return _flat(kinds[chosen])


def _of_classes(classes: int, loss: Loss, focal: bool, logits: bool) -> RowLoss:
    """Of (n,) classes, or (n, classes) shares of them."""
    def rows(truth: Any, said: Any) -> Any:
        if not focal and not loss.label_smoothing and len(truth.shape) == 1:
            return keras.losses.sparse_categorical_crossentropy(truth, said, from_logits=logits)
        soft = tf.one_hot(truth, classes) if len(truth.shape) == 1 else tf.cast(truth, tf.float32)
        if focal:
            return keras.losses.categorical_focal_crossentropy(soft, said, alpha=loss.alpha, gamma=loss.gamma,
                                                               from_logits=logits)
        return keras.losses.categorical_crossentropy(soft, said, label_smoothing=loss.label_smoothing,
                                                     from_logits=logits)

    return rows


def _flat(loss: RowLoss) -> RowLoss:
    """Keras averages over the last axis alone; a row's is the mean over all of them."""
    def rows(truth: Any, said: Any) -> Any:
        found = loss(tf.cast(truth, tf.float32), said)
        return tf.reduce_mean(tf.reshape(found, (tf.shape(found)[0], -1)), axis=1)

    return rows


def _pinball(quantile: float, truth: Any, said: Any) -> Any:
    """Koenker and Bassett 1978."""
    error = truth - said
    return tf.reduce_mean(tf.maximum(quantile * error, (quantile - 1) * error), axis=-1)


def _metric(feature: Feature, metric: str) -> Any:
    chosen = metric_of(metric, feature.kind)
    if chosen == "accuracy":
        kind = keras.metrics.SparseCategoricalAccuracy if isinstance(feature, Label) else keras.metrics.BinaryAccuracy
        return kind(name="accuracy")
    if chosen.startswith("top_"):
        return keras.metrics.SparseTopKCategoricalAccuracy(k=int(chosen.split("_")[1]), name=chosen)
    kinds: dict[str, Callable[..., Any]] = {
        "auc": keras.metrics.AUC, "precision": keras.metrics.Precision, "recall": keras.metrics.Recall,
        "mae": keras.metrics.MeanAbsoluteError, "mse": keras.metrics.MeanSquaredError,
        "rmse": keras.metrics.RootMeanSquaredError, "r2": keras.metrics.R2Score}
    made = kinds[chosen](name=chosen)
    if not made.variables:  # some make their sums when they see the first rows, and a resumed run has sums before that
        nothing = tf.zeros((1, *feature.shape))
        made.update_state(nothing, nothing, sample_weight=tf.zeros(1))
        made.reset_state()
    return made


def _hard(feature: Feature, truth: Any) -> Any:
    """For metrics a mixed row counts as the class of which it has most."""
    soft: Sequence[int] = truth.shape
    return tf.argmax(truth, axis=-1) if isinstance(feature, Label) and len(soft) == 2 else truth
