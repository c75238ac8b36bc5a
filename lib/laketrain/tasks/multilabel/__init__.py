"""Multilabel classification: each row has any number of labels. The model's outputs are their probabilities.

    tags: {kind: multilabel, names: [new, sale, heavy]}

A label is predicted if its probability is at least THRESHOLD.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt

from laketrain.config.loss import Loss
from laketrain.features import Multilabel
from laketrain.tasks.accumulator import Accumulator, Floats
from laketrain.tasks.base import Bools, Headline, Mode, Task
from laketrain.tasks.baselines import Baseline, Constant, Linear, Sample
from laketrain.tasks.class_scores import undefined_notices
from laketrain.tasks.losses import RowLoss, binary_loss
from laketrain.tasks.multilabel.measure import THRESHOLD, MultilabelAccumulator, merge_multilabels
from laketrain.tasks.probabilities import probability_problem
from laketrain.tasks.training_metrics import build_metric

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark.sql import Column, DataFrame


class MultilabelClassification(Task[Multilabel]):
    """The task of targets of kind `multilabel`."""

    name: ClassVar[str] = "multilabel"
    kinds: ClassVar[tuple[str, ...]] = ("multilabel",)
    default_of: ClassVar[tuple[str, ...]] = ("multilabel",)
    losses: ClassVar[tuple[str, ...]] = ("binary_crossentropy", "focal")
    training_metrics: ClassVar[Mapping[str, Mode]] = {"accuracy": "max", "auc": "max", "precision": "max",
                                                      "recall": "max"}
    activation: ClassVar[str | None] = "sigmoid"
    expected_outputs: ClassVar[str] = "probabilities: numbers from 0 to 1"
    headline: ClassVar[Headline] = Headline("micro_f1", "Micro F1", "max", is_share=True)
    metrics: ClassVar[tuple[str, ...]] = ("micro_f1", "macro_precision", "macro_recall", "macro_f1", "subset_accuracy",
                                          "loss")
    baselines: ClassVar[tuple[str, ...]] = ("majority", "linear")
    gives_probabilities: ClassVar[bool] = True
    in_spark_ml: ClassVar[bool] = True

    def row_loss(self, name: str, feature: Multilabel, settings: Loss, from_logits: bool) -> RowLoss:
        return binary_loss(name, settings, from_logits)

    def training_metric(self, name: str, feature: Multilabel) -> Any:
        import keras

        metrics = {"accuracy": keras.metrics.BinaryAccuracy, "auc": keras.metrics.AUC,
                   "precision": keras.metrics.Precision, "recall": keras.metrics.Recall}
        return build_metric(metrics[name](name=name), feature.shape)

    def metric_inputs(self, truth: Any, outputs: Any, from_logits: bool) -> tuple[Any, Any]:
        import tensorflow as tf

        return truth, tf.nn.sigmoid(outputs) if from_logits else outputs

    def output_problem(self, feature: Multilabel, outputs: npt.NDArray[Any], coarse: bool = False) -> str | None:
        return probability_problem(outputs, coarse, sum_to_one=False)

    def accumulator(self, name: str, feature: Multilabel, rows: int, worst: int) -> Accumulator:
        return MultilabelAccumulator(feature, worst)

    def merge(self, feature: Multilabel, parts: Sequence[dict[str, Any]], worst: int,
              weighted: bool) -> dict[str, Any]:
        return merge_multilabels(feature, parts, worst, weighted)

    def baseline(self, name: str, column: str, feature: Multilabel, sample: Sample) -> Baseline | None:
        flags = sample.truth[column]
        if name == "majority":
            return Constant(np.average(flags, axis=0, weights=sample.weights) >= THRESHOLD)
        return Linear(sample.least_squares(flags.astype(np.float64)), flags=True)

    def headline_sums(self, feature: Multilabel, truth: npt.NDArray[Any], predictions: npt.NDArray[Any],
                      weights: Floats) -> tuple[float, float]:
        true, predicted = truth.astype(bool), predictions.astype(bool)
        both = (weights @ (true & predicted)).sum()
        return 2 * float(both), float((weights @ true).sum() + (weights @ predicted).sum())

    def notices(self, target: str, section: Mapping[str, Any], split: str) -> Iterator[str]:
        return undefined_notices(target, section, split)

    def columns(self, name: str, feature: Multilabel, probabilities: bool) -> dict[str, str]:
        return {"classes": "array<string>", "probability": "array<double>",
                **({"probabilities": "array<double>"} if probabilities else {})}

    def column_values(self, feature: Multilabel, outputs: npt.NDArray[Any], bad: Bools,
                      probabilities: bool) -> dict[str, pa.Array]:
        import pyarrow as pa

        from laketrain.tasks.lists import chosen_lists, number_lists

        chosen = outputs >= THRESHOLD
        names = np.broadcast_to(np.array(feature.names, dtype=object), outputs.shape)
        return {"classes": chosen_lists(names, chosen, bad, pa.string()),
                "probability": chosen_lists(outputs.astype(np.float64), chosen, bad, pa.float64()),
                **({"probabilities": number_lists(outputs, bad)} if probabilities else {})}

    def prediction_counts(self, frame: DataFrame, prefix: str, rows: int) -> dict[str, Any]:
        from pyspark.sql import functions as F

        from laketrain.tasks.prediction_counts import count_classes

        return count_classes(frame, F.explode(f"`{prefix}classes`"))

    def spark_ml_columns(self, feature: Multilabel, prefix: str) -> tuple[Column, Column | None]:
        """The prediction is an array of the labels' indices."""
        from pyspark.sql import functions as F

        from laketrain.tasks.spark_vectors import vector

        probabilities = F.col(f"{prefix}probabilities")
        indices = F.sequence(F.lit(0), F.lit(len(feature.names) - 1))
        chosen = F.filter(indices, lambda index: probabilities[index] >= THRESHOLD).cast("array<double>")
        return F.when(probabilities.isNotNull(), chosen), vector(probabilities)
