"""Classification: each row has exactly one class. The model's output is a distribution over the classes.

    species: {kind: label, names: [cat, dog]}
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt

from laketrain.config.loss import Loss
from laketrain.features import Label
from laketrain.tasks.accumulator import Accumulator, Floats
from laketrain.tasks.base import Bools, Headline, Mode, Task
from laketrain.tasks.baselines import Baseline, Constant, Linear, Sample
from laketrain.tasks.class_scores import undefined_notices
from laketrain.tasks.classification.measure import ConfusionAccumulator, merge_confusions
from laketrain.tasks.losses import RowLoss
from laketrain.tasks.probabilities import probability_problem

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark.sql import Column, DataFrame

_ITERATIONS = 100


class Classification(Task[Label]):
    """The task of targets of kind `label`."""

    name: ClassVar[str] = "classification"
    kinds: ClassVar[tuple[str, ...]] = ("label",)
    default_of: ClassVar[tuple[str, ...]] = ("label",)
    losses: ClassVar[tuple[str, ...]] = ("crossentropy", "sparse_categorical_crossentropy", "focal")
    training_metrics: ClassVar[Mapping[str, Mode]] = {"accuracy": "max", "top_3_accuracy": "max",
                                                      "top_5_accuracy": "max"}
    activation: ClassVar[str | None] = "softmax"
    expected_outputs: ClassVar[str] = "a distribution over its classes: rows of numbers from 0 that sum to 1"
    weighs_classes: ClassVar[bool] = True
    headline: ClassVar[Headline] = Headline("accuracy", "Accuracy", "max", is_share=True)
    metrics: ClassVar[tuple[str, ...]] = ("accuracy", "macro_precision", "macro_recall", "macro_f1", "loss")
    baselines: ClassVar[tuple[str, ...]] = ("majority", "linear")
    gives_probabilities: ClassVar[bool] = True
    in_spark_ml: ClassVar[bool] = True

    def output_shape(self, feature: Label) -> tuple[int, ...]:
        return (feature.count,)

    def row_loss(self, name: str, feature: Label, settings: Loss, from_logits: bool) -> RowLoss:
        from laketrain.tasks.classification.loss import class_loss

        return class_loss(feature.count, settings, focal=name == "focal", from_logits=from_logits)

    def training_metric(self, name: str, feature: Label) -> Any:
        import keras

        if name == "accuracy":
            return keras.metrics.SparseCategoricalAccuracy(name=name)
        return keras.metrics.SparseTopKCategoricalAccuracy(k=int(name.split("_")[1]), name=name)

    def metric_inputs(self, truth: Any, outputs: Any, from_logits: bool) -> tuple[Any, Any]:
        """Mixed rows, whose truth is (n, classes) shares, count as the class with the largest share."""
        import tensorflow as tf

        return (tf.argmax(truth, axis=-1) if len(truth.shape) == 2 else truth,
                tf.nn.softmax(outputs) if from_logits else outputs)

    def class_weights(self, feature: Label) -> tuple[float, ...]:
        return feature.balanced()

    def output_problem(self, feature: Label, outputs: npt.NDArray[Any], coarse: bool = False) -> str | None:
        return probability_problem(outputs, coarse, sum_to_one=True)

    def accumulator(self, name: str, feature: Label, rows: int, worst: int) -> Accumulator:
        return ConfusionAccumulator(feature, worst)

    def merge(self, feature: Label, parts: Sequence[dict[str, Any]], worst: int, weighted: bool) -> dict[str, Any]:
        return merge_confusions(feature, parts, worst, weighted)

    def baseline(self, name: str, column: str, feature: Label, sample: Sample) -> Baseline | None:
        labels = sample.truth[column]
        if name == "majority" or len(np.unique(labels)) < 2:
            return Constant(np.asarray(np.bincount(labels, sample.weights).argmax()))
        from sklearn.linear_model import LogisticRegression
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import MinMaxScaler

        model = make_pipeline(MinMaxScaler(), LogisticRegression(max_iter=_ITERATIONS, tol=1e-2))
        return Linear(model.fit(sample.inputs, labels, logisticregression__sample_weight=sample.weights))

    def headline_sums(self, feature: Label, truth: npt.NDArray[Any], predictions: npt.NDArray[Any],
                      weights: Floats) -> tuple[float, float]:
        return float(weights @ (predictions == truth)), float(weights.sum())

    def notices(self, target: str, section: Mapping[str, Any], split: str) -> Iterator[str]:
        return undefined_notices(target, section, split)

    def columns(self, name: str, feature: Label, probabilities: bool) -> dict[str, str]:
        return {"class": "bigint" if feature.names is None else "string", "probability": "double",
                **({"probabilities": "array<double>"} if probabilities else {})}

    def column_values(self, feature: Label, outputs: npt.NDArray[Any], bad: Bools,
                      probabilities: bool) -> dict[str, pa.Array]:
        """Classes are those of the table's column: numbers or names."""
        import pyarrow as pa

        from laketrain.tasks.lists import number_lists

        indices = outputs.argmax(axis=1)
        classes = indices if feature.names is None else np.array(feature.labels, dtype=object)[indices]
        return {"class": pa.array(classes, mask=bad),
                "probability": pa.array(outputs.max(axis=1).astype(np.float64), mask=bad),
                **({"probabilities": number_lists(outputs, bad)} if probabilities else {})}

    def prediction_counts(self, frame: DataFrame, prefix: str, rows: int) -> dict[str, Any]:
        from pyspark.sql import functions as F

        from laketrain.tasks.prediction_counts import count_classes

        return count_classes(frame, F.col(f"`{prefix}class`"))

    def spark_ml_columns(self, feature: Label, prefix: str) -> tuple[Column, Column | None]:
        """The prediction is the class's index, by which Spark's evaluators count."""
        from pyspark.sql import functions as F

        from laketrain.tasks.spark_vectors import vector

        probabilities = F.col(f"{prefix}probabilities")
        index = (F.array_position(probabilities, F.array_max(probabilities)) - 1).cast("double")
        return index, vector(probabilities)
