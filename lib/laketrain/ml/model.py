"""A model of the lake as a Transformer: each row of a DataFrame with its prediction beside it.

    model = KerasModel(lake="hdfs://nn/lake", model="models/mnist@3")      # any model of the lake, from a fit or not
    model.transform(df)                                                    # df, prediction, probability, _reason
"""

from __future__ import annotations

import json
import os
from functools import partial
from typing import Any, ClassVar

from pyspark import keyword_only
from pyspark.ml import Model
from pyspark.ml.functions import array_to_vector
from pyspark.ml.param import Param, Params, TypeConverters
from pyspark.ml.util import DefaultParamsReadable, DefaultParamsReader, DefaultParamsWritable
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql import types as T

from laketrain.config.column_names import same_form
from laketrain.config.evaluate import THRESHOLD
from laketrain.errors import DataError, LakeError, nearest
from laketrain.features import Feature, FeatureSet, Label, Multilabel, Value
from laketrain.features.answers import columns_of, prefix
from laketrain.lake import Lake, Version
from laketrain.ml.data import STAGE, plain
from laketrain.ml.params import ScoringParams, kinds_of
from laketrain.ml.scoring import score_frame
from laketrain.predict.scorer import REASON, RECORD, PredictTask
from laketrain.spark.frames import quoted

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
        targets = self.features.targets
        found = [target for target in targets.values() if isinstance(target, Label)]
        if len(found) != 1:
            raise DataError(STAGE, self.ref, f"predicts {kinds_of(targets)}, expected one label among them",
                            "model.features has each target's own labels")
        return found[0].labels

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
        found = _features(version)
        features, targets = FeatureSet.of(found.inputs), FeatureSet.of(found.targets)
        answered = self._answered(version, targets)
        _refuse(dataset, version, features, [name for name, _ in answered])
        kept = [f"laketrain_{number}" for number in range(len(dataset.columns))]
        sc = dataset.sparkSession.sparkContext
        task = PredictTask(version.lake.url, version.ref, features.to_json(), targets.to_json(), "a DataFrame",
                           (*kept, *features.columns), self.getOrDefault(self.scoreBatch), tuple(kept),
                           threads=max(1, (os.cpu_count() or 1) // max(1, sc.defaultParallelism)), probabilities=True)
        # `mapInArrow` takes only plain names.
        own = [F.col(quoted(column)).alias(name) for column, name in zip(dataset.columns, kept, strict=True)]
        inputs = [plain(dataset, column).alias(f"input_{number}") for number, column in enumerate(features.columns)]
        fields = [T.StructField(name, field.dataType, field.nullable, field.metadata)
                  for name, field in zip(kept, dataset.schema.fields, strict=True)]
        types = {**columns_of(targets, probabilities=True), **dict.fromkeys(_TOLD, "string")}
        answers = [T.StructField(name, T.DataType.fromDDL(kind)) for name, kind in types.items()]
        scored = dataset.select(*own, *inputs).mapInArrow(partial(score_frame, task), T.StructType([*fields, *answers]))
        back = [F.col(name).alias(column) for name, column in zip(kept, dataset.columns, strict=True)]
        return scored.select(*back, *(said.alias(name) for name, said in answered))

    def _answered(self, version: Version, targets: FeatureSet) -> list[tuple[str, Column]]:
        """The columns that transform adds, made of those that predict's answers are in."""
        found: list[tuple[str, Column]] = []
        for name, target in targets.items():
            own = prefix(targets, name)
            said, likely = _said(own, target, version.ref)
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


def _said(own: str, target: Feature, ref: str) -> tuple[Column, Column | None]:
    """A target's prediction and, of classes, all probabilities; of the answers whose names begin with `own`."""
    likely = F.col(f"{own}probabilities")
    if isinstance(target, Label):  # predict names the class as the table did; Spark's evaluators count
        said = (F.array_position(likely, F.array_max(likely)) - 1).cast("double")
    elif isinstance(target, Multilabel):
        numbers = F.sequence(F.lit(0), F.lit(len(target.names) - 1))
        found = F.filter(numbers, lambda number: likely[number] >= THRESHOLD).cast("array<double>")
        said = F.when(likely.isNotNull(), found)
    elif isinstance(target, Value):
        number = F.col(f"{own}prediction")
        return (number if target.shape == (1,) else _vector(number)), None
    else:
        raise DataError(STAGE, ref, f"predicts {target.kind}s, expected labels, multilabels or values",
                        "score by the predict section of a workload")
    return said, _vector(likely)


def _vector(numbers: Column) -> Column:
    return F.when(numbers.isNotNull(), array_to_vector(numbers))


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
