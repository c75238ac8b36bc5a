"""A model of the lake as a Transformer: each row of a DataFrame with its prediction beside it.

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

from laketrain.config.names import same_form
from laketrain.errors import DataError, LakeError, nearest
from laketrain.features import FeatureSet
from laketrain.lake import Lake, Version
from laketrain.ml.data import STAGE, plain
from laketrain.ml.params import ScoringParams
from laketrain.ml.scoring import score_frame
from laketrain.predict.scorer import REASON, RECORD, PredictTask
from laketrain.spark.frames import quoted
from laketrain.tasks import Output, kinds_of, read_outputs
from laketrain.tasks.columns import columns_of, prefix

_TOLD = ("model", "data", REASON, RECORD)
"""What predict says of a row besides the answers."""


class KerasModel(Model, ScoringParams, DefaultParamsReadable["KerasModel"], DefaultParamsWritable):
    """What a fit gives. `prediction` is the index of the class, or the number that was learnt; `probability` a vector
    of all classes' probabilities. They are null where a row can't be scored, and `_reason` says why. Of several
    targets each has columns of its own, such as `species_prediction`. Saved, it is a reference into the lake."""

    model: ClassVar[Param[str]] = Param(Params._dummy(), "model", "the version in the lake, e.g. models/ml@3",
                                        typeConverter=TypeConverters.toString)

    _input_kwargs: dict[str, Any]  # what `keyword_only` was called with

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
        """Sets what is named, as Spark ML's own stages do."""
        return self._set(**self._input_kwargs)

    @property
    def ref(self) -> str:
        """E.g. "models/ml@3"."""
        return str(self.getOrDefault(self.model))

    @property
    def version(self) -> Version:
        """The lake's entry, with history and lineage. Raises LakeError where it, or a file of it, is gone."""
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
                            "a saved KerasModel is a reference into its lake: bring that version back, or name where "
                            "it lies now by KerasModel(lake=…, model=…)") from error
        return version

    @property
    def features(self) -> FeatureSet:
        """As the dataset had them, with what was learnt."""
        return _features(self.version)

    @property
    def labels(self) -> tuple[str, ...]:
        """What the classes are called, by index. Raises DataError where not exactly one target is a label."""
        outputs = _outputs(self.version)
        labels = [output.feature for output in outputs.values() if output.feature.is_class_index]
        if len(labels) != 1:
            raise DataError(STAGE, self.ref, f"predicts {kinds_of(outputs)}, expected one label among them",
                            "model.features has each target's own labels")
        return labels[0].class_labels

    @property
    def history(self) -> list[dict[str, Any]]:
        """Loss and metrics, a dict an epoch."""
        return list(self.version.entry.meta.get("history", []))

    def keras(self) -> Any:
        """The keras.Model itself, on the driver."""
        from laketrain.imports import import_tensorflow
        from laketrain.models.saving import load_model

        import_tensorflow()
        return load_model(self.version)

    def _transform(self, dataset: DataFrame) -> DataFrame:
        version = self.version
        features, outputs = FeatureSet.of(_features(version).inputs), _outputs(version)
        answered = self._answered(version, outputs)
        _refuse(dataset, version, features, [name for name, _ in answered])
        kept = [f"laketrain_{number}" for number in range(len(dataset.columns))]
        sc = dataset.sparkSession.sparkContext
        task = PredictTask(version.lake.url, version.ref, features.to_json(), outputs, "a DataFrame",
                           (*kept, *features.columns), self.getOrDefault(self.scoreBatch), tuple(kept),
                           threads=max(1, (os.cpu_count() or 1) // max(1, sc.defaultParallelism)), probabilities=True)
        # `mapInArrow` takes only plain names.
        own = [F.col(quoted(column)).alias(name) for column, name in zip(dataset.columns, kept, strict=True)]
        inputs = [plain(dataset, column).alias(f"input_{number}") for number, column in enumerate(features.columns)]
        fields = [T.StructField(name, field.dataType, field.nullable, field.metadata)
                  for name, field in zip(kept, dataset.schema.fields, strict=True)]
        types = {**columns_of(outputs, probabilities=True), **dict.fromkeys(_TOLD, "string")}
        answers = [T.StructField(name, T.DataType.fromDDL(kind)) for name, kind in types.items()]
        scored = dataset.select(*own, *inputs).mapInArrow(partial(score_frame, task), T.StructType([*fields, *answers]))
        back = [F.col(name).alias(column) for name, column in zip(kept, dataset.columns, strict=True)]
        return scored.select(*back, *(said.alias(name) for name, said in answered))

    def _answered(self, version: Version, outputs: Mapping[str, Output]) -> list[tuple[str, Column]]:
        """The columns that transform adds, made of those that predict writes."""
        found: list[tuple[str, Column]] = []
        for name, output in outputs.items():
            if not output.task.in_spark_ml:
                raise DataError(STAGE, version.ref, f"predicts {output.feature.kind}s, expected labels, multilabels or "
                                "values", "score by the predict section of a workload")
            own = prefix(outputs, name)
            said, likely = output.task.spark_ml_columns(output.feature, own)
            found.append((own + self.getOrDefault(self.predictionCol), said))
            if likely is not None:
                found.append((own + self.getOrDefault(self.probabilityCol), likely))
        return [*found, (self.getOrDefault(self.reasonCol), F.col(REASON))]

    @classmethod
    def read(cls) -> _Reader:
        """Reads what `write` wrote, and refuses what the lake no longer has."""
        return _Reader(cls)


class _Reader(DefaultParamsReader[KerasModel]):
    def load(self, path: str) -> KerasModel:
        model = super().load(path)
        _ = model.version
        return model


def _features(version: Version) -> FeatureSet:
    return FeatureSet.from_json(json.dumps(version.entry.meta["features"]))


def _outputs(version: Version) -> dict[str, Output]:
    return read_outputs(version.entry.meta, _features(version))


def _refuse(dataset: DataFrame, version: Version, features: FeatureSet, added: list[str]) -> None:
    """Raises DataError where the frame lacks what the model needs, or has what transform would add."""
    if version.entry.meta.get("windows"):
        raise DataError(STAGE, version.ref, "scores windows of rows, not rows",
                        "score a table by the predict section of a workload")
    for column in features.columns:
        if column not in dataset.columns:
            raise DataError(STAGE, version.ref, f"needs the column {column!r}, which the DataFrame lacks",
                            nearest(column, dataset.columns))
    forms = [same_form(column) for column in (*dataset.columns, *added)]
    for column in added:
        if forms.count(same_form(column)) > 1:
            raise DataError(STAGE, version.ref, f"would add the column {column!r}, which is there already",
                            "drop it, or set predictionCol, probabilityCol or reasonCol to another name")
