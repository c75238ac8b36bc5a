"""The base class of tasks: how a model learns a target, how it is evaluated, and what its predictions look like.

    class LogRegression(Regression):
        name = "log_regression"
        losses = ("log_error", *Regression.losses)

    register(LogRegression())           # then: price: {kind: value, task: log_regression}

A feature describes a column; a task describes how a model learns it. A task has no state. Its module doesn't import
Keras, TensorFlow, Spark or scikit-learn; its methods import what they need. Tasks are pickled by the module and name of
their class, so ranks and executors must be able to import that module.
"""

from __future__ import annotations

from abc import ABC
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Literal, TypeVar

import numpy as np
import numpy.typing as npt

from laketrain.errors import DataError
from laketrain.features import Feature
from laketrain.tasks.accumulator import Accumulator, Floats
from laketrain.tasks.layers import dense_head, layer_code

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark.sql import Column, DataFrame

    from laketrain.config.loss import Loss
    from laketrain.tasks.baselines import Baseline, Sample
    from laketrain.tasks.losses import RowLoss

F = TypeVar("F", bound=Feature)
Mode = Literal["min", "max"]
"""Whether the smaller or the larger value of a metric is better, as in Keras' callbacks."""
Arrays = Mapping[str, npt.NDArray[Any]]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Headline:
    """The metric by which a model is compared with its baselines.

    Attributes:
        metric: its name among the evaluation's metrics. title: for people. mode: which values are better.
        is_share: whether it is a share of 1, shown in percent.
    """

    metric: str
    title: str
    mode: Mode = "min"
    is_share: bool = False


class Task(ABC, Generic[F]):
    """How one kind of target is trained, evaluated and predicted. `F` is the class of its features.

    Training needs `losses`, `row_loss`, `training_metrics` and `training_metric`. Evaluation needs `headline`,
    `metrics`, `accumulator` and `merge`, and for baselines `baseline` and `headline_sums`. Prediction needs `columns`
    and `column_values`. A workload that needs what a task lacks is refused, with the feature's kind.
    """

    name: ClassVar[str]
    """The value of a feature's `task`. Models and evaluations record it."""
    kinds: ClassVar[tuple[str, ...]] = ()
    """Kinds of targets that it can learn."""
    default_of: ClassVar[tuple[str, ...]] = ()
    """Kinds of targets that it learns if their feature names no task. Of several such tasks, the last registered one
    learns them."""

    # Training.
    losses: ClassVar[tuple[str, ...]] = ()
    """The names that `train.loss` accepts; `auto` means the first."""
    training_metrics: ClassVar[Mapping[str, Mode]] = {}
    """The names that `train.metrics` accepts; `auto` means the first."""
    activation: ClassVar[str | None] = None
    """Keras' name of the activation that turns logits into predictions; None if the outputs are predictions."""
    expected_outputs: ClassVar[str] = ""
    """What a model's outputs must be, for errors; empty if any finite numbers are accepted."""
    weighs_classes: ClassVar[bool] = False
    """Whether `train.class_weights` applies."""

    # Evaluation.
    headline: ClassVar[Headline]
    """The metric by which a model is compared with its baselines."""
    metrics: ClassVar[tuple[str, ...]] = ()
    """The metrics of the evaluation that a gate can name; () if the task can't be evaluated."""
    baselines: ClassVar[tuple[str, ...]] = ()
    """The names that `evaluate.baselines` accepts."""
    constant_baselines: ClassVar[tuple[str, ...]] = ("majority", "mean", "last")
    """Baselines that need no training. The evaluation warns if the model is no better than one of them."""

    # Prediction.
    gives_probabilities: ClassVar[bool] = False
    """Whether `predict.probabilities` applies."""
    in_spark_ml: ClassVar[bool] = False
    """Whether a Spark ML Transformer can return its predictions, by `spark_ml_columns`."""

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other)

    def __hash__(self) -> int:
        return hash(type(self))

    def output_shape(self, feature: F) -> tuple[int, ...]:
        """The shape of a model's output for one row."""
        return feature.shape

    def loss_name(self, kind: str, name: str) -> str:
        """The name of the loss, with `auto` replaced. Raises ValueError if it doesn't fit targets of this kind."""
        if name == "auto" and self.losses:
            return self.losses[0]
        if name not in self.losses:
            raise ValueError(f"loss {name!r} suits no target of kind {kind}; {', '.join(self.losses) or 'none'} do")
        return name

    def row_loss(self, name: str, feature: F, settings: Loss, from_logits: bool) -> RowLoss:
        """The function of the loss `name`, one of `losses`: from truth, (n, …), and outputs, (n, *output_shape), to
        (n,) float32."""
        raise NotImplementedError

    def metric_name(self, name: str) -> str:
        """The name of the training metric, with `auto` replaced."""
        return next(iter(self.training_metrics), name) if name == "auto" else name

    def training_metric(self, name: str, feature: F) -> Any:
        """The keras.metrics.Metric of that name, one of `training_metrics`. Its variables must be sums over rows, since
        they are added over the ranks."""
        raise NotImplementedError

    def metric_inputs(self, truth: Any, outputs: Any, from_logits: bool) -> tuple[Any, Any]:
        """The tensors with which training metrics are updated, from truth and outputs."""
        return truth, outputs

    def class_weights(self, feature: F) -> tuple[float, ...]:
        """A weight for each class, with which all classes count equally. Only called with `weighs_classes`."""
        raise NotImplementedError

    def head(self, name: str, feature: F, hidden: Any, initializer: str) -> Any:
        """The output of a built-in model: layers on (batch, k), whose last one is called `name`, in float32."""
        return dense_head(name, self.output_shape(feature), self.activation, hidden, initializer)

    def head_code(self, name: str, feature: F) -> str:
        """The code of the last layer, as users write it in their own models; for errors."""
        return layer_code(name, self.output_shape(feature), self.activation)

    def model_problem(self, name: str, feature: F) -> tuple[str, str] | None:
        """Why the built-in models can't learn this target, and what helps; None if they can."""
        return None

    def output_problem(self, feature: F, outputs: npt.NDArray[Any], coarse: bool = False) -> str | None:
        """What is wrong with `outputs`, (n, *output_shape), compared with `expected_outputs`; None if nothing is.

        Args:
            coarse: whether they were computed in 16 bits.
        """
        return None

    def accumulator(self, name: str, feature: F, rows: int, worst: int) -> Accumulator:
        """An accumulator without rows, for a split of `rows` rows, that keeps the `worst` worst rows. Raises DataError
        if the task can't be evaluated."""
        raise DataError("evaluate", f"target {name!r}", f"no metrics are defined for targets of kind {feature.kind}",
                        "leave out 'evaluate', or measure label, multilabel, value or sequence targets")

    def merge(self, feature: F, parts: Sequence[dict[str, Any]], worst: int, weighted: bool) -> dict[str, Any]:
        """The section of an evaluation, from the `part()` of each rank's accumulator.

        It has `rows`, and `metrics`, a mapping that contains those named in `metrics` and the headline metric. The
        report also draws these, if the section has them: `confusion` with `labels`; `metrics["classes"]`; and `sample`
        with `metrics["components"]` and `worst`.
        """
        raise NotImplementedError

    def baseline(self, name: str, column: str, feature: F, sample: Sample) -> Baseline | None:
        """The baseline `name`, one of `baselines`, fitted to a sample of the train split, whose truth is the dataset's
        column `column`; None if the data don't allow it."""
        raise NotImplementedError

    def headline_sums(self, feature: F, truth: npt.NDArray[Any], predictions: npt.NDArray[Any],
                      weights: Floats) -> tuple[float, float]:
        """Two sums over the rows, whose ratio is the headline metric of a baseline's predictions."""
        raise NotImplementedError

    def facts(self, section: Mapping[str, Any]) -> dict[str, float]:
        """The metrics that the report lists, by name: by default all that are numbers."""
        return {name: value for name, value in section["metrics"].items()
                if isinstance(value, int | float) and not isinstance(value, bool)}

    def notices(self, target: str, section: Mapping[str, Any], split: str) -> Iterator[str]:
        """Warnings about the section's metrics, as sentences."""
        return iter(())

    def columns(self, name: str, feature: F, probabilities: bool) -> dict[str, str]:
        """The columns of predictions, with Spark's types. Raises DataError if the task can't be predicted."""
        raise DataError("predict", f"target {name!r}",
                        f"is of kind {feature.kind}, which no column of predictions holds",
                        "leave out 'predict'; label, multilabel, value and sequence can be predicted")

    def column_values(self, feature: F, outputs: npt.NDArray[Any], bad: Bools,
                      probabilities: bool) -> dict[str, pa.Array]:
        """The values of those columns, of (n, *output_shape) outputs; null where `bad`, (n,), is True."""
        raise NotImplementedError

    def prediction_counts(self, frame: DataFrame, prefix: str, rows: int) -> dict[str, Any]:
        """The statistics that a version of predictions records of its `rows` rows: `classes` (rows by class), or
        `values` (least, mean and most). `prefix` is the start of the columns' names."""
        return {}

    def spark_ml_columns(self, feature: F, prefix: str) -> tuple[Column, Column | None]:
        """Spark ML's prediction and probability, from the columns of predictions, whose names start with `prefix` and
        which include all probabilities. Only called with `in_spark_ml`."""
        raise NotImplementedError
