"""The Spark task of convert: it encodes Arrow batches and writes a Parquet file for each split (and bucket of lengths).

    results = frame.mapInArrow(partial(write_partition, task), RESULT_SCHEMA).collect()

Files are written under `_attempts/` with unique names. The driver moves those of successful tasks to their final paths,
so a task that Spark kills, retries or runs twice leaves nothing that a reader of the dataset could see.
"""

from __future__ import annotations

import json
import tempfile
import uuid
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from laketrain.convert.class_counts import ClassCounts
from laketrain.convert.row_groups import RowGroupWriter
from laketrain.convert.split_checks import add_split_values
from laketrain.features import FeatureSet
from laketrain.features.tally import merge
from laketrain.lake import Lake
from laketrain.lake.contents import crc32_of
from laketrain.lake.quarantine import COLUMNS, record_of
from laketrain.spark.direct_read import DirectReader
from laketrain.spark.frames import SPLIT

RESULT_SCHEMA = "partition int, result string"
QUARANTINE = "quarantine"
Rows = TypeVar("Rows", pa.Table, pa.RecordBatch)
_REJECT_SCHEMA = pa.schema([(column, pa.string()) for column in COLUMNS])


@dataclass(frozen=True)
class WriteTask:
    """All that a task needs, as plain values.

    Attributes:
        lake: URL. draft: the draft's directory, relative to the lake.
        features: the FeatureSet as JSON. columns: of the batches, in order; after them comes SPLIT.
        splits: their names, by the index in the column SPLIT.
        refusals: rule and reason by the negative number that SPLIT has in rows without a split.
        fit_split: the split whose rows are tallied. rows_per_group: rows of a row group, except a file's last one.
        table: the origin of a row, as quarantine names it.
        source: the directory of the table's files, if batches only refer to rows in them (`spark.direct_read`).
        by: the column whose values are assigned to splits by hash; empty if there is none.
    """

    lake: str
    draft: str
    features: str
    columns: tuple[str, ...]
    splits: tuple[str, ...]
    fit_split: str
    rows_per_group: int
    table: str
    refusals: Mapping[int, tuple[str, str]]
    source: str = ""
    by: str = ""


@dataclass
class WrittenFile:
    """A finished file: its path, rows, rows by row group, size in bytes and CRC-32."""

    path: str
    rows: int
    row_groups: list[int]
    bytes: int
    crc32: int


def part_of(split: str, bucket: int) -> str:
    """The name of a part: the rows of a split that share a bucket. A task writes one file for each."""
    return f"{split}-{bucket:02d}"


@dataclass
class TaskResult:
    """The result of a task.

    Attributes:
        files: by part (and QUARANTINE). tallies: of its train rows, by feature. reasons: rejected rows by rule.
        class_counts: of its splits. split_values: of each split one or two values of the column `by`.
    """

    files: dict[str, WrittenFile] = field(default_factory=dict)
    tallies: dict[str, dict[str, int]] = field(default_factory=dict)
    reasons: dict[str, int] = field(default_factory=dict)
    class_counts: ClassCounts = field(default_factory=ClassCounts)
    split_values: dict[str, list[str]] = field(default_factory=dict)

    def add(self, tallies: Mapping[str, Mapping[str, int]]) -> None:
        """Adds the features' tallies of more rows."""
        for name, counts in tallies.items():
            merge(self.tallies.setdefault(name, {}), counts)

    def to_json(self) -> str:
        files = {part: vars(file) for part, file in self.files.items()}
        return json.dumps({"files": files, "tallies": self.tallies, "reasons": self.reasons,
                           "class_counts": vars(self.class_counts), "split_values": self.split_values})

    @classmethod
    def from_json(cls, text: str) -> TaskResult:
        data = json.loads(text)
        files = {part: WrittenFile(**file) for part, file in data["files"].items()}
        return cls(files, data["tallies"], data["reasons"], ClassCounts(**data["class_counts"]),
                   data["split_values"])


def write_partition(task: WriteTask, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Encodes and writes a partition's rows. Yields one row: the partition's number and its TaskResult."""
    features = FeatureSet.from_json(task.features)
    result = TaskResult()
    with tempfile.TemporaryDirectory(prefix="laketrain-") as folder:
        files = _Files(task, features, folder)
        for batch in _rows(task, batches):
            _write_batch(task, features, batch, files, result)
        result.files = files.finish()
    yield _report(result)


def _rows(task: WriteTask, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """The columns and SPLIT, by name."""
    if not task.source:
        for batch in batches:
            yield pa.RecordBatch.from_arrays(batch.columns, names=[*task.columns, SPLIT])
        return
    with DirectReader(Lake(task.lake).store, task.source, task.columns) as reader:
        for batch in batches:
            yield from reader.read(batch)


def _write_batch(
    task: WriteTask, features: FeatureSet, batch: pa.RecordBatch, files: _Files, result: TaskResult
) -> None:
    batch = _drop_unassigned(task, batch, files, result)
    stored, reasons = features.encode_batch(batch)
    if reasons.null_count < len(reasons):
        refusals = reasons.drop_null()
        rules = [f"feature({name})" for name in _features_of(refusals)]
        _quarantine(task, batch.filter(reasons.is_valid()), refusals, rules, files, result)
        batch = batch.filter(reasons.is_null())
    splits = batch.column(SPLIT)
    buckets = features.bucket_of(batch)
    for index, split in enumerate(task.splits):
        in_split = np.asarray(pc.equal(splits, index))
        for bucket in np.unique(buckets[in_split]):
            part = _where(stored, in_split & (buckets == bucket))
            files.add(part_of(split, int(bucket)), part)
            result.class_counts.add(features.for_bucket(int(bucket)), split, part)
        if task.by:
            add_split_values(result.split_values, split, batch.column(task.columns.index(task.by)), in_split)
        if split == task.fit_split and in_split.any():
            result.add(features.tally(_where(batch, in_split), first=False))


def _drop_unassigned(task: WriteTask, batch: pa.RecordBatch, files: _Files, result: TaskResult) -> pa.RecordBatch:
    """The rows that are in a split; the others go to quarantine."""
    splits = batch.column(SPLIT)
    assigned = pc.greater_equal(splits, 0)
    unassigned = splits.filter(pc.invert(assigned)).to_pylist()
    if not unassigned:
        return batch
    rules, reasons = zip(*(task.refusals[split] for split in unassigned), strict=True)
    _quarantine(task, batch.filter(pc.invert(assigned)), pa.array(reasons), list(rules), files, result)
    return batch.filter(assigned)


def _quarantine(task: WriteTask, batch: pa.RecordBatch, reasons: pa.Array, rules: list[str], files: _Files,
                result: TaskResult) -> None:
    files.add(QUARANTINE, _rejects(batch, reasons, rules, task.table))
    for rule in rules:
        result.reasons[rule] = result.reasons.get(rule, 0) + 1


def _where(rows: Rows, mask: npt.NDArray[np.bool_]) -> Rows:
    """The rows where `mask` is true; not copied if it is true for all."""
    return rows if mask.all() else rows.filter(pa.array(mask))


def tally_partition(
    features: str, columns: tuple[str, ...], batches: Iterable[pa.RecordBatch]
) -> Iterator[pa.RecordBatch]:
    """Tallies a partition of the train split for the features that are fitted before anything is written."""
    parsed, result = FeatureSet.from_json(features), TaskResult()
    for batch in batches:
        named = pa.RecordBatch.from_arrays(batch.columns, names=list(columns))
        result.add(parsed.tally(named.filter(parsed.reasons(named).is_null()), first=True))
    yield _report(result)


def _report(result: TaskResult) -> pa.RecordBatch:
    from pyspark import TaskContext

    context = TaskContext.get()
    number = context.partitionId() if context else 0
    return pa.RecordBatch.from_pydict({"partition": pa.array([number], pa.int32()),
                                       "result": pa.array([result.to_json()])})


def _rejects(batch: pa.RecordBatch, reasons: pa.Array, rules: list[str], table: str) -> pa.Table:
    rows = batch.select(batch.schema.names[:-1]).to_pylist()
    records = [record_of(row) for row in rows]
    columns = [[table] * len(records), rules, reasons.to_pylist(), records]
    return pa.table(dict(zip(COLUMNS, columns, strict=True)), schema=_REJECT_SCHEMA)


def _features_of(reasons: pa.Array) -> list[str]:
    """The feature whose name each reason begins with."""
    return [str(reason).split(" ", 1)[0] for reason in reasons.to_pylist()]


class _Files:
    """The task's open files, one a part, created with their first row.

    In a lake on the local disk files are written directly, for any other they are written in `folder` and uploaded.
    """

    def __init__(self, task: WriteTask, features: FeatureSet, folder: str) -> None:
        self._task, self._folder, self._store = task, folder, Lake(task.lake).store
        self._schemas: Mapping[str, pa.Schema] = {QUARANTINE: _REJECT_SCHEMA}
        self._default = features.storage_schema()
        self._open: dict[str, RowGroupWriter] = {}

    def add(self, part: str, rows: pa.Table) -> None:
        if part not in self._open:
            path = f"{self._task.draft}/_attempts/{part}-{uuid.uuid4().hex}.parquet"
            local = self._store.local(path)
            local_path = Path(local or f"{self._folder}/{part}.parquet")
            local_path.parent.mkdir(parents=True, exist_ok=True)
            schema = self._schemas.get(part, self._default)
            self._open[part] = RowGroupWriter(local_path, path, schema, self._task.rows_per_group,
                                              durable=local is not None)
        self._open[part].add(rows)

    def finish(self) -> dict[str, WrittenFile]:
        files = {}
        for part, writer in self._open.items():
            sizes = writer.close()
            if self._store.local(writer.path) is None:
                self._store.put(str(writer.local_path), writer.path)
            with writer.local_path.open("rb") as file:
                checksum = crc32_of(file)
            files[part] = WrittenFile(writer.path, sum(sizes), sizes, writer.local_path.stat().st_size, checksum)
        return files
