"""What a task is: how a model learns a target, how it is measured, and how its predictions are shown.

    class LogRegression(Regression):
        name = "log_regression"
        losses = ("log_error", *Regression.losses)

    register(LogRegression())           # then: price: {kind: value, task: log_regression}

A feature describes a column; a task describes what a model makes of it. A task has no state and can be imported without
Keras, TensorFlow, Spark and scikit-learn: its methods import what they need. Ranks and executors get tasks by pickle,
that is by the class's module and name.
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
    """How one kind of target is learnt, measured and predicted. `F` is the class of its features.

    A task needs losses and training metrics to be trained; `headline`, `metrics`, `accumulator` and `merge` to be
    evaluated; `columns` and `column_values` to be predicted. What it lacks is refused with its feature's kind.
    """

    name: ClassVar[str]
    """By which features name it, and by which evaluations remember it."""
    kinds: ClassVar[tuple[str, ...]] = ()
    """Kinds of targets that it can learn."""
    default_of: ClassVar[tuple[str, ...]] = ()
    """Kinds of targets that are learnt by it where their feature names no task. The last one registered wins."""

    # Training.
    losses: ClassVar[tuple[str, ...]] = ()
    """Names for `train.loss`; the first is what `auto` means."""
    training_metrics: ClassVar[Mapping[str, Mode]] = {}
    """Names for `train.metrics`; the first is what `auto` means."""
    activation: ClassVar[str | None] = None
    """Keras' name of the function that makes predictions of logits; None where a model gives predictions at once."""
    expected_outputs: ClassVar[str] = ""
    """What a model's outputs must be, for errors; empty where any finite numbers will do."""
    weighs_classes: ClassVar[bool] = False
    """Whether `train.class_weights` applies."""

    # Evaluation.
    headline: ClassVar[Headline]
    metrics: ClassVar[tuple[str, ...]] = ()
    """Metrics of the evaluation that a gate can name; () where the task can't be evaluated."""
    baselines: ClassVar[tuple[str, ...]] = ()
    """Names for `evaluate.baselines`."""
    constant_baselines: ClassVar[tuple[str, ...]] = ("majority", "mean", "last")
    """Those that need no training: a model as good as one of them may have learnt nothing."""

    # Prediction.
    gives_probabilities: ClassVar[bool] = False
    """Whether `predict.probabilities` applies."""
    in_spark_ml: ClassVar[bool] = False
    """Whether a Transformer can give its predictions, by `spark_ml_columns`."""

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other)

    def __hash__(self) -> int:
        return hash(type(self))

    def output_shape(self, feature: F) -> tuple[int, ...]:
        """The shape of a model's output for one row."""
        return feature.shape

    def loss_name(self, kind: str, name: str) -> str:
        """The loss that `name` means for a target of this kind. Raises ValueError where it suits no such target."""
        if name == "auto" and self.losses:
            return self.losses[0]
        if name not in self.losses:
            raise ValueError(f"loss {name!r} suits no target of kind {kind}; {', '.join(self.losses) or 'none'} do")
        return name

    def row_loss(self, name: str, feature: F, settings: Loss, from_logits: bool) -> RowLoss:
        """The loss `name`, one of `losses`: of (n, …) truth and (n, *output_shape) outputs to (n,) float32."""
        raise NotImplementedError

    def metric_name(self, name: str) -> str:
        """The training metric that `auto` means; any other name is itself."""
        return next(iter(self.training_metrics), name) if name == "auto" else name

    def training_metric(self, name: str, feature: F) -> Any:
        """A keras.metrics.Metric, one of `training_metrics`, of that name. Its variables must be sums, which ranks
        add up."""
        raise NotImplementedError

    def metric_inputs(self, truth: Any, outputs: Any, from_logits: bool) -> tuple[Any, Any]:
        """Truth and outputs, tensors, as the training metrics take them."""
        return truth, outputs

    def class_weights(self, feature: F) -> tuple[float, ...]:
        """A weight for each class, by which all classes count equally. Only with `weighs_classes`."""
        raise NotImplementedError

    def head(self, name: str, feature: F, hidden: Any, initializer: str) -> Any:
        """The output of a model of the zoo: layers on (batch, k) whose last one is called `name`, in float32."""
        return dense_head(name, self.output_shape(feature), self.activation, hidden, initializer)

    def head_code(self, name: str, feature: F) -> str:
        """The last layer as a user writes it in a model of their own."""
        return layer_code(name, self.output_shape(feature), self.activation)

    def model_problem(self, name: str, feature: F) -> tuple[str, str] | None:
        """Why the zoo's models can't learn this target, and what helps; None where they can."""
        return None

    def output_problem(self, feature: F, outputs: npt.NDArray[Any], coarse: bool = False) -> str | None:
        """What shows that `outputs`, (n, *output_shape), aren't `expected_outputs`; None where nothing does.

        Args:
            coarse: whether they were computed in 16 bits.
        """
        return None

    def accumulator(self, name: str, feature: F, rows: int, worst: int) -> Accumulator:
        """Empty sums for the evaluation of a split of `rows` rows, with the `worst` worst rows. Raises DataError where
        the task can't be evaluated."""
        raise DataError("evaluate", f"target {name!r}", f"no metrics are defined for targets of kind {feature.kind}",
                        "leave out 'evaluate', or measure label, multilabel, value or sequence targets")

    def merge(self, feature: F, parts: Sequence[dict[str, Any]], worst: int, weighted: bool) -> dict[str, Any]:
        """The section of an evaluation, of what the ranks' accumulators gave as their `part`.

        It has `rows` and `metrics`, a mapping that holds those of `metrics` and of the headline. The report also draws
        `confusion` with `labels`; `metrics.classes`; and `sample` with `metrics.components` and `worst`.
        """
        raise NotImplementedError

    def baseline(self, name: str, column: str, feature: F, sample: Sample) -> Baseline | None:
        """The baseline `name`, one of `baselines`, of the dataset's column `column`, fitted to rows of the train split;
        None where the data have none."""
        raise NotImplementedError

    def headline_sums(self, feature: F, truth: npt.NDArray[Any], predictions: npt.NDArray[Any],
                      weights: Floats) -> tuple[float, float]:
        """Of the predictions of a baseline: two sums over the rows, whose ratio is the headline metric."""
        raise NotImplementedError

    def facts(self, section: Mapping[str, Any]) -> dict[str, float]:
        """The numbers that the report lists, by name: by default all metrics that are numbers."""
        return {name: value for name, value in section["metrics"].items()
                if isinstance(value, int | float) and not isinstance(value, bool)}

    def notices(self, target: str, section: Mapping[str, Any], split: str) -> Iterator[str]:
        """What people should know before they believe the section's metrics."""
        return iter(())

    def columns(self, name: str, feature: F, probabilities: bool) -> dict[str, str]:
        """The columns of predictions, with Spark's types. Raises DataError where the task can't be predicted."""
        raise DataError("predict", f"target {name!r}",
                        f"is of kind {feature.kind}, which no column of predictions holds",
                        "leave out 'predict'; label, multilabel, value and sequence can be predicted")

    def column_values(self, feature: F, outputs: npt.NDArray[Any], bad: Bools,
                      probabilities: bool) -> dict[str, pa.Array]:
        """The values of those columns, of (n, *output_shape) outputs; null where `bad`, (n,), is True."""
        raise NotImplementedError

    def prediction_counts(self, frame: DataFrame, prefix: str, rows: int) -> dict[str, Any]:
        """What a version of predictions records of its `rows` rows: `classes`, rows by class, or `values`, least, mean
        and most. Names of columns begin with `prefix`."""
        return {}

    def spark_ml_columns(self, feature: F, prefix: str) -> tuple[Column, Column | None]:
        """Spark ML's prediction and probability, of columns whose names begin with `prefix`, which have all
        probabilities. Only with `in_spark_ml`."""
        raise NotImplementedError
