"""A model of the lake as a Transformer, which adds predictions to the rows of a DataFrame.

    model = KerasModel(lake="hdfs://nn/lake", model="models/mnist@3")      # any model of the lake, from a fit or not
    model.transform(df)                                                    # df, prediction, probability, _reason
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from functools import partial
from typing import Any, ClassVar

from pyspark import keyword_only
from pyspark.ml import Model
from pyspark.ml.param import Param, Params, TypeConverters
from pyspark.ml.util import DefaultParamsReadable, DefaultParamsReader, DefaultParamsWritable
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql import types as T

from laketrain.config.column_names import same_form
from laketrain.errors import DataError, LakeError, nearest
from laketrain.features import FeatureSet
from laketrain.lake import Lake, Version
from laketrain.lake.manifests import ModelManifest
from laketrain.ml.data import STAGE, as_array
from laketrain.ml.params import ScoringParams
from laketrain.ml.scoring import score_frame
from laketrain.predict.scorer import REASON, RECORD, PredictTask
from laketrain.spark.frames import quoted
from laketrain.tasks import Output, kinds_of, read_outputs
from laketrain.tasks.columns import columns_of, prefix

_ROW_COLUMNS = ("model", "data", REASON, RECORD)
"""The columns that predict adds besides predictions."""


class KerasModel(Model, ScoringParams, DefaultParamsReadable["KerasModel"], DefaultParamsWritable):
    """The result of a fit. `prediction` is the index of the class or the predicted number, `probability` a vector with
    the probabilities of all classes. Both are null for a row that can't be scored, and `_reason` is why. With several
    targets each has its own columns, such as `species_prediction`. A saved model is a reference into the lake."""

    model: ClassVar[Param[str]] = Param(Params._dummy(), "model", "the version in the lake, e.g. models/ml@3",
                                        typeConverter=TypeConverters.toString)

    _input_kwargs: dict[str, Any]  # the arguments of the last call, set by `keyword_only`

    @keyword_only
    def __init__(self, *, lake: str | None = None, model: str | None = None, predictionCol: str | None = None,  # noqa: N803
                 probabilityCol: str | None = None, reasonCol: str | None = None,  # noqa: N803
                 scoreBatch: int | None = None) -> None:  # noqa: N803
        super().__init__()
        self.setParams(**self._input_kwargs)

    @keyword_only
    def setParams(self, *, lake: str | None = None, model: str | None = None, predictionCol: str | None = None,  # noqa: N802, N803
                  probabilityCol: str | None = None, reasonCol: str | None = None,  # noqa: N803
                  scoreBatch: int | None = None) -> KerasModel:  # noqa: N803
        """Sets the given Params, as Spark ML's own stages do."""
        return self._set(**self._input_kwargs)

    @property
    def ref(self) -> str:
        """The version's ref, e.g. `models/ml@3`."""
        return str(self.getOrDefault(self.model))

    @property
    def version(self) -> Version:
        """The version in the lake, with history and lineage. Raises LakeError if it or one of its files is missing."""
        for param in (self.lake, self.model):
            if not self.isDefined(param):
                raise LakeError(STAGE, f"KerasModel {self.uid}", f"{param.name!r} is not set",
                                "give both: KerasModel(lake='hdfs://nn/lake', model='models/ml@3')")
        try:
            version = Lake(self.getOrDefault(self.lake)).version(self.ref)
            version.check_files()
        except LakeError as error:
            raise LakeError(STAGE, f"KerasModel {self.uid}", f"needs {self.ref} of the lake "
                            f"{self.getOrDefault(self.lake)}, and {error.subject}: {error.problem}",
                            "a saved KerasModel is a reference into its lake: restore that version, or name its new "
                            "location by KerasModel(lake=…, model=…)") from error
        return version

    @property
    def features(self) -> FeatureSet:
        """The features of the dataset, with what convert fitted."""
        return _features(self.version)

    @property
    def labels(self) -> tuple[str, ...]:
        """The names of the classes, by index. Raises DataError unless exactly one target is a label."""
        outputs = _outputs(self.version)
        labels = [output.feature for output in outputs.values() if output.feature.is_class_index]
        if len(labels) != 1:
            raise DataError(STAGE, self.ref, f"predicts {kinds_of(outputs)}, expected one label among them",
                            "model.features has each target's own labels")
        return labels[0].class_labels

    @property
    def history(self) -> list[dict[str, Any]]:
        """Loss and metrics, a dict for each epoch."""
        return ModelManifest.of(self.version).history

    def keras(self) -> Any:
        """Loads the keras.Model on the driver."""
        from laketrain.imports import import_tensorflow
        from laketrain.models.saving import load_model

        import_tensorflow()
        return load_model(self.version)

    def _transform(self, dataset: DataFrame) -> DataFrame:
        version = self.version
        features, outputs = FeatureSet.of(_features(version).inputs), _outputs(version)
        added = self._added_columns(version, outputs)
        _check_columns(dataset, version, features, [name for name, _ in added])
        kept = [f"laketrain_{number}" for number in range(len(dataset.columns))]
        sc = dataset.sparkSession.sparkContext
        task = PredictTask(version.lake.url, version.ref, features.to_json(), outputs, "a DataFrame",
                           (*kept, *features.columns), self.getOrDefault(self.scoreBatch), tuple(kept),
                           threads=max(1, (os.cpu_count() or 1) // max(1, sc.defaultParallelism)), probabilities=True)
        # `mapInArrow` only accepts plain names.
        originals = [F.col(quoted(column)).alias(name) for column, name in zip(dataset.columns, kept, strict=True)]
        inputs = [as_array(dataset, column).alias(f"input_{number}") for number, column in enumerate(features.columns)]
        fields = [T.StructField(name, field.dataType, field.nullable, field.metadata)
                  for name, field in zip(kept, dataset.schema.fields, strict=True)]
        types = {**columns_of(outputs, probabilities=True), **dict.fromkeys(_ROW_COLUMNS, "string")}
        fields += [T.StructField(name, T.DataType.fromDDL(kind)) for name, kind in types.items()]
        scored = dataset.select(*originals, *inputs).mapInArrow(partial(score_frame, task), T.StructType(fields))
        restored = [F.col(name).alias(column) for name, column in zip(kept, dataset.columns, strict=True)]
        return scored.select(*restored, *(column.alias(name) for name, column in added))

    def _added_columns(self, version: Version, outputs: Mapping[str, Output]) -> list[tuple[str, Column]]:
        """The names and values of the columns that transform adds, from those that predict writes."""
        columns: list[tuple[str, Column]] = []
        for name, output in outputs.items():
            if not output.task.in_spark_ml:
                raise DataError(STAGE, version.ref, f"predicts {output.feature.kind}s, expected labels, multilabels or "
                                "values", "score by the predict section of a workload")
            start = prefix(outputs, name)
            prediction, probability = output.task.spark_ml_columns(output.feature, start)
            columns.append((start + self.getOrDefault(self.predictionCol), prediction))
            if probability is not None:
                columns.append((start + self.getOrDefault(self.probabilityCol), probability))
        return [*columns, (self.getOrDefault(self.reasonCol), F.col(REASON))]

    @classmethod
    def read(cls) -> _Reader:
        """A reader of saved models, which fails if the lake no longer has the version."""
        return _Reader(cls)


class _Reader(DefaultParamsReader[KerasModel]):
    def load(self, path: str) -> KerasModel:
        model = super().load(path)
        _ = model.version
        return model


def _features(version: Version) -> FeatureSet:
    return FeatureSet.from_json(json.dumps(ModelManifest.of(version).features))


def _outputs(version: Version) -> dict[str, Output]:
    model = ModelManifest.of(version)
    return read_outputs(model.outputs, FeatureSet.from_json(json.dumps(model.features)))


def _check_columns(dataset: DataFrame, version: Version, features: FeatureSet,
                   added: list[str]) -> None:
    """Raises DataError if the frame lacks a column that the model needs, or has one that transform adds."""
    if ModelManifest.of(version).windows:
        raise DataError(STAGE, version.ref, "scores windows of rows, not rows",
                        "score a table by the predict section of a workload")
    for column in features.columns:
        if column not in dataset.columns:
            raise DataError(STAGE, version.ref, f"needs the column {column!r}, which the DataFrame lacks",
                            nearest(column, dataset.columns))
    forms = [same_form(column) for column in (*dataset.columns, *added)]
    for column in added:
        if forms.count(same_form(column)) > 1:
            raise DataError(STAGE, version.ref, f"would add the column {column!r}, which already exists",
                            "drop it, or set predictionCol, probabilityCol or reasonCol to another name")
