"""A Spark task of predict: Arrow batches in, predictions out.

    frame.mapInArrow(partial(score_batches, task), schema)

Rows are encoded by the features' own `encode_batch`, as in convert, so that there is no train/serve skew.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from laketrain.config.names import DIGEST
from laketrain.features import FeatureSet
from laketrain.imports import import_tensorflow
from laketrain.lake import Lake
from laketrain.lake.quarantine import record_of
from laketrain.spark.direct_read import DirectReader
from laketrain.tasks import Output
from laketrain.tasks.columns import column_values

REASON, RECORD = "_reason", "_record"


@dataclass(frozen=True)
class PredictTask:
    """The task, picklable: the lake's URL, the model's ref, the input features as JSON, the model's outputs, the ref of
    the data, the names of a batch's columns, the batch size of the model, which columns to keep, TensorFlow's threads,
    and whether to write all probabilities. `source` is the directory of the table's files if batches only refer to rows
    in them (`spark.direct_read`), or empty."""

    lake: str
    model: str
    features: str
    outputs: Mapping[str, Output]
    data: str
    columns: tuple[str, ...]
    batch: int
    keep: tuple[str, ...]
    threads: int
    probabilities: bool = False
    source: str = ""


def score_batches(task: PredictTask, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """For each row: the kept columns, the predictions (`laketrain.tasks.columns`), model, data and, if it can't be
    scored, the reason."""
    os.environ.setdefault("TF_NUM_INTRAOP_THREADS", str(task.threads))
    os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")  # Spark reuses the process, and others need the GPU
    features = FeatureSet.from_json(task.features)
    for batch in _input_batches(task, batches):
        yield _score(task, features, batch)


def _input_batches(task: PredictTask, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """The columns of each batch by their names, or of the rows that it refers to."""
    names = list(task.columns)
    if not task.source:
        for batch in batches:
            yield pa.RecordBatch.from_arrays(batch.columns, names=names)
        return
    with DirectReader(Lake(task.lake).store, task.source, names, stage="predict") as reader:
        for batch in batches:
            for rows in reader.read(batch):
                yield rows.select(names)


def _score(task: PredictTask, features: FeatureSet, batch: pa.RecordBatch) -> pa.RecordBatch:
    stored, reasons = features.encode_batch(batch)
    arrays = {name: np.zeros((batch.num_rows, *output.shape), np.float32) for name, output in task.outputs.items()}
    good = np.flatnonzero(np.asarray(reasons.is_null()))
    model = _model(task.lake, task.model)
    for rows, tensors in _tensors(features, batch, stored, good):
        for start in range(0, len(rows), task.batch):
            part = slice(start, start + task.batch)
            outputs = model({name: values[part] for name, values in tensors.items()})
            for name, values in arrays.items():
                values[rows[part]] = outputs[name] if isinstance(outputs, dict) else outputs
    bad = reasons.is_valid().to_numpy(zero_copy_only=False)
    columns = {name: batch.column(batch.schema.names.index(name)) for name in task.keep}
    columns.update(column_values(task.outputs, arrays, bad, task.probabilities))
    columns["model"] = pa.array([task.model] * batch.num_rows)
    columns["data"] = pa.array([task.data] * batch.num_rows)
    columns[REASON] = reasons
    columns[RECORD] = pa.array(_records(batch, bad), pa.string())
    return pa.RecordBatch.from_pydict(columns)


def _tensors(features: FeatureSet, batch: pa.RecordBatch, stored: pa.Table,
             good: npt.NDArray[np.int64]) -> Iterator[tuple[npt.NDArray[np.int64], dict[str, npt.NDArray[Any]]]]:
    """The numbers and tensors of the good rows, bucket by bucket."""
    if not features.buckets:
        yield good, features.tensors(stored)
        return
    buckets = features.bucket_of(batch.take(pa.array(good)))
    for bucket in np.unique(buckets):
        indices = np.flatnonzero(buckets == bucket)
        yield good[indices], features.for_bucket(int(bucket)).tensors(stored.take(pa.array(indices)))


def _records(batch: pa.RecordBatch, bad: npt.NDArray[np.bool_]) -> list[str | None]:
    records: list[str | None] = [None] * batch.num_rows
    inputs = batch.select([name for name in batch.schema.names if name != DIGEST])
    for index in np.flatnonzero(bad):
        [row] = inputs.slice(int(index), 1).to_pylist()
        records[index] = record_of(row)
    return records


@lru_cache(maxsize=2)
def _model(lake: str, ref: str) -> Callable[[dict[str, npt.NDArray[Any]]], Any]:
    """The model as a function from arrays to an array or, for several outputs, to arrays by name. Cached, since Spark
    reuses the process for other tasks."""
    import_tensorflow()
    import tensorflow as tf

    from laketrain.models.saving import load_model

    table, _, number = ref.partition("@")
    model = load_model(Lake(lake).table(*table.split("/")).get(int(number)))
    compiled = tf.function(lambda inputs: model(inputs, training=False), reduce_retracing=True, autograph=False)

    def predict(arrays: dict[str, npt.NDArray[Any]]) -> Any:
        outputs = compiled({name: tf.constant(values) for name, values in arrays.items()})
        if isinstance(outputs, dict):
            return {name: output.numpy() for name, output in outputs.items()}
        return outputs.numpy()

    return predict
