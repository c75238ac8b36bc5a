"""What one Spark task does in predict: Arrow batches in, classes and probabilities out.

    frame.mapInArrow(partial(score_batches, task), schema)

The rows take the road of convert (the features' own `encode_batch`), so there is no train/serve skew to have.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from laketrain.features import FeatureSet, Label
from laketrain.imports import import_tensorflow
from laketrain.lake import Lake
from laketrain.lake.quarantine import record_of

REASON, RECORD = "_reason", "_record"


@dataclass(frozen=True)
class PredictTask:
    """As values: the lake's URL, the model's ref, the input features and the label as JSON, the ref of the data, what
    the columns of a batch are called, rows the model sees at once, which columns to keep, and TensorFlow's threads."""

    lake: str
    model: str
    features: str
    label: str
    data: str
    columns: tuple[str, ...]
    batch: int
    keep: tuple[str, ...]
    threads: int


def score_batches(task: PredictTask, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """For each row: the kept columns, class, probability, model, data, and, where it can't be scored, the reason."""
    os.environ.setdefault("TF_NUM_INTRAOP_THREADS", str(task.threads))
    features = FeatureSet.from_json(task.features)
    label = Label.model_validate_json(task.label)
    for batch in batches:
        named = pa.RecordBatch.from_arrays(batch.columns, names=list(task.columns))
        yield _score(task, features, label, named)


def _score(task: PredictTask, features: FeatureSet, label: Label, batch: pa.RecordBatch) -> pa.RecordBatch:
    stored, reasons = features.encode_batch(batch)
    probabilities = np.zeros((batch.num_rows, label.count), np.float32)
    good = np.flatnonzero(np.asarray(reasons.is_null()))
    tensors = features.tensors(stored)
    model = _model(task.lake, task.model)
    for start in range(0, len(good), task.batch):
        part = slice(start, start + task.batch)
        probabilities[good[part]] = model({name: values[part] for name, values in tensors.items()})
    classes = probabilities.argmax(axis=1)
    bad = reasons.is_valid().to_numpy(zero_copy_only=False)
    columns = {name: batch.column(batch.schema.names.index(name)) for name in task.keep}
    columns["class"] = pa.array(_said(label, classes), mask=bad)
    columns["probability"] = pa.array(probabilities.max(axis=1).astype(np.float64), mask=bad)
    columns["model"] = pa.array([task.model] * batch.num_rows)
    columns["data"] = pa.array([task.data] * batch.num_rows)
    columns[REASON] = reasons
    columns[RECORD] = pa.array(_records(batch, bad), pa.string())
    return pa.RecordBatch.from_pydict(columns)


def _said(label: Label, classes: npt.NDArray[np.int64]) -> npt.NDArray[Any]:
    """The classes as the table's own column had them: numbers, or names."""
    return classes if label.names is None else np.array(label.labels, dtype=object)[classes]


def _records(batch: pa.RecordBatch, bad: npt.NDArray[np.bool_]) -> list[str | None]:
    records: list[str | None] = [None] * batch.num_rows
    for index in np.flatnonzero(bad):
        [row] = batch.slice(int(index), 1).to_pylist()
        records[index] = record_of(row)
    return records


@lru_cache(maxsize=2)
def _model(lake: str, ref: str) -> Callable[[dict[str, npt.NDArray[Any]]], npt.NDArray[np.float32]]:
    """The model as a function over arrays; kept, since Spark reuses the process for the next task."""
    import_tensorflow()
    import tensorflow as tf

    from laketrain.train.checkpoint import load_model

    table, _, number = ref.partition("@")
    model = load_model(Lake(lake).table(*table.split("/")).get(int(number)))
    compiled = tf.function(lambda inputs: model(inputs, training=False), reduce_retracing=True)
    return lambda arrays: compiled({name: tf.constant(values) for name, values in arrays.items()}).numpy()
