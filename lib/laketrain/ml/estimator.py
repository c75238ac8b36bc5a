"""Training as an Estimator: a DataFrame in, a model of the lake out, with its table, dataset and lineage.

    estimator = KerasEstimator(lake="hdfs://nn/lake", features={…}, train={"model": {"name": "linear"}}, epochs=5)
    Pipeline(stages=[StringIndexer(inputCol="animal", outputCol="label"), estimator]).fit(df)
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from pyspark import keyword_only
from pyspark.ml import Estimator
from pyspark.ml.util import DefaultParamsReadable, DefaultParamsWritable
from pyspark.sql import DataFrame

from laketrain.errors import ConfigError, Problem
from laketrain.lake import Version
from laketrain.ml.data import dataset_of, new_session
from laketrain.ml.model import KerasModel
from laketrain.ml.params import FittingParams
from laketrain.ml.settings import to_workload
from laketrain.ml.slot_lock import slot_lock
from laketrain.tasks import kinds_of
from laketrain.train import fingerprint_train, train
from laketrain.workload import Workload

Section = dict[str, Any]


class KerasEstimator(Estimator[KerasModel], FittingParams, DefaultParamsReadable["KerasEstimator"],
                     DefaultParamsWritable):
    """Runs convert and train as a workload would: the frame's rows become `integrated/<name>`, `features/<name>` and,
    trained on `ranks` ranks, `models/<name>`. Every fit commits a version of each, and none is removed."""

    _input_kwargs: dict[str, Any]  # the arguments of the last call, set by `keyword_only`

    @keyword_only
    def __init__(self, *, lake: str | None = None, features: Section | None = None, train: Section | None = None,
                 name: str | None = None, convert: Section | None = None, split: Section | None = None,
                 validationFraction: float | None = None, epochs: int | None = None,  # noqa: N803 (Spark ML's style)
                 batch: int | None = None, learningRate: float | None = None, ranks: int | None = None,  # noqa: N803
                 seed: int | None = None, predictionCol: str | None = None,  # noqa: N803
                 probabilityCol: str | None = None, reasonCol: str | None = None,  # noqa: N803
                 scoreBatch: int | None = None) -> None:  # noqa: N803
        super().__init__()
        self.setParams(**self._input_kwargs)

    @keyword_only
    def setParams(self, *, lake: str | None = None, features: Section | None = None,  # noqa: N802
                  train: Section | None = None, name: str | None = None, convert: Section | None = None,
                  split: Section | None = None, validationFraction: float | None = None,  # noqa: N803
                  epochs: int | None = None, batch: int | None = None, learningRate: float | None = None,  # noqa: N803
                  ranks: int | None = None, seed: int | None = None, predictionCol: str | None = None,  # noqa: N803
                  probabilityCol: str | None = None, reasonCol: str | None = None,  # noqa: N803
                  scoreBatch: int | None = None) -> KerasEstimator:  # noqa: N803
        """Sets the given Params, as Spark ML's own stages do."""
        return self._set(**self._input_kwargs)

    def fitMultiple(self, dataset: DataFrame,  # noqa: N802
                    paramMaps: Sequence[dict[Any, Any]]) -> Iterator[tuple[int, KerasModel]]:  # noqa: N803
        """A thread-safe iterator of models, one for each param map, as CrossValidator needs it.

        Param maps with the same data settings share one dataset, so that each fold is written and converted once.
        """
        estimator, datasets = self.copy(), _DatasetCache()

        def fit_one(index: int) -> KerasModel:
            return estimator.copy(paramMaps[index])._fit_on(dataset, datasets)

        return _FitIterator(fit_one, len(paramMaps))

    def _fit(self, dataset: DataFrame) -> KerasModel:
        return self._fit_on(dataset, _DatasetCache())

    def _fit_on(self, frame: DataFrame, datasets: _DatasetCache) -> KerasModel:
        spark = frame.sparkSession
        workload = to_workload(self, frame.columns, spark.sparkContext.master or "")
        config, name = workload.train, workload.name
        assert config is not None
        _check_targets(workload, self.uid)
        data = workload.model_dump_json(exclude={"train", "spark"})
        converted = datasets.get(data, lambda: dataset_of(frame, workload))
        with slot_lock(spark.sparkContext, config.ranks.max):
            version = train(new_session(spark), converted, name, config, fingerprint_train(converted, config))
        model = KerasModel(lake=version.lake.url, model=version.ref)
        self._copyValues(model)
        return model.setParams(lake=version.lake.url)


def _check_targets(workload: Workload, uid: str) -> None:
    assert workload.features is not None and workload.train is not None
    outputs = workload.train.model.tasks(workload.features)
    if not outputs or not all(output.task.in_spark_ml for output in outputs.values()):
        raise ConfigError(f"KerasEstimator {uid}", [Problem(
            "features", f"the targets are {kinds_of(outputs)}, expected labels, multilabels or values",
            "Train other targets by a workload's YAML")])


class _DatasetCache:
    """Datasets by the settings that they depend on. Each is made once, even for concurrent callers."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._datasets: dict[str, Version] = {}

    def get(self, key: str, make: Callable[[], Version]) -> Version:
        with self._lock:
            if key not in self._datasets:
                self._datasets[key] = make()
            return self._datasets[key]


class _FitIterator(Iterator[tuple[int, KerasModel]]):
    """Hands out indices one at a time; fits run concurrently."""

    def __init__(self, fit_one: Callable[[int], KerasModel], count: int) -> None:
        self._fit_one, self._indices, self._lock = fit_one, iter(range(count)), threading.Lock()

    def __next__(self) -> tuple[int, KerasModel]:
        with self._lock:
            index = next(self._indices)
        return index, self._fit_one(index)
