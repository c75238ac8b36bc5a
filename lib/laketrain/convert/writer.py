"""What one Spark task does in convert: Arrow batches in, Parquet files out, one a split (and bucket of lengths), in row
groups of a set size.

    results = frame.mapInArrow(partial(write_partition, task), RESULT_SCHEMA).collect()

Files are written under `_attempts/` with a name of their own. The driver moves those of successful tasks into place,
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

from laketrain.convert.counted import Counted
from laketrain.convert.narrow import note_drawn
from laketrain.convert.row_groups import RowGroups
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
    """All that a task needs, as values.

    Attributes:
        lake: URL. draft: the draft's directory, relative to the lake.
        features: the FeatureSet as JSON. columns: of the batches, in order; after them comes SPLIT.
        splits: their names, by the index in the column SPLIT.
        refusals: rule and reason by the negative number that stands there in rows of no split.
        learn_on: the split whose rows are tallied. rows_per_group: rows of a row group, but for a file's last one.
        table: how quarantine names the origin of a row.
        source: the directory of the table's files, where a batch only refers to rows in them (`spark.direct_read`).
        by: the column whose values are drawn for splits; empty where there is none.
    """

    lake: str
    draft: str
    features: str
    columns: tuple[str, ...]
    splits: tuple[str, ...]
    learn_on: str
    rows_per_group: int
    table: str
    refusals: Mapping[int, tuple[str, str]]
    source: str = ""
    by: str = ""


@dataclass
class Written:
    """A finished file: where it lies now, the rows that went into it, and what it weighs."""

    path: str
    rows: int
    row_groups: list[int]
    bytes: int
    crc32: int


def part_of(split: str, bucket: int) -> str:
    """What goes into one file of a task: the rows of a split that share a bucket."""
    return f"{split}-{bucket:02d}"


@dataclass
class TaskResult:
    """What a task reports: its files by part (and QUARANTINE), the tallies of its train rows by feature, how many rows
    each feature refused, its splits' classes and weights, and of each split two values of the column that is drawn,
    or the only one."""

    files: dict[str, Written] = field(default_factory=dict)
    tallies: dict[str, dict[str, int]] = field(default_factory=dict)
    reasons: dict[str, int] = field(default_factory=dict)
    counted: Counted = field(default_factory=Counted)
    drawn: dict[str, list[str]] = field(default_factory=dict)

    def add(self, tallies: Mapping[str, Mapping[str, int]]) -> None:
        """Counts what the features know of some more rows."""
        for name, counts in tallies.items():
            merge(self.tallies.setdefault(name, {}), counts)

    def to_json(self) -> str:
        files = {part: vars(file) for part, file in self.files.items()}
        return json.dumps({"files": files, "tallies": self.tallies, "reasons": self.reasons,
                           "counted": vars(self.counted), "drawn": self.drawn})

    @classmethod
    def from_json(cls, text: str) -> TaskResult:
        data = json.loads(text)
        files = {part: Written(**file) for part, file in data["files"].items()}
        return cls(files, data["tallies"], data["reasons"], Counted(**data["counted"]), data["drawn"])


def write_partition(task: WriteTask, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Encodes a partition's rows and writes them; yields one row: the partition's number and its TaskResult."""
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
    batch = _placed(task, batch, files, result)
    stored, reasons = features.encode_batch(batch)
    if reasons.null_count < len(reasons):
        why = reasons.drop_null()
        _refuse(task, batch.filter(reasons.is_valid()), why, [f"feature({name})" for name in _culprits(why)], files,
                result)
        batch = batch.filter(reasons.is_null())
    splits = batch.column(SPLIT)
    buckets = features.bucket_of(batch)
    for index, split in enumerate(task.splits):
        mine = np.asarray(pc.equal(splits, index))
        for bucket in np.unique(buckets[mine]):
            part = _where(stored, mine & (buckets == bucket))
            files.add(part_of(split, int(bucket)), part)
            result.counted.add(features.for_bucket(int(bucket)), split, part)
        if task.by:
            note_drawn(result.drawn, split, batch.column(task.columns.index(task.by)), mine)
        if split == task.learn_on and mine.any():
            result.add(features.tally(_where(batch, mine), first=False))


def _placed(task: WriteTask, batch: pa.RecordBatch, files: _Files, result: TaskResult) -> pa.RecordBatch:
    """The rows that are in a split; the others are refused."""
    splits = batch.column(SPLIT)
    placed = pc.greater_equal(splits, 0)
    lost = splits.filter(pc.invert(placed)).to_pylist()
    if not lost:
        return batch
    rules, reasons = zip(*(task.refusals[split] for split in lost), strict=True)
    _refuse(task, batch.filter(pc.invert(placed)), pa.array(reasons), list(rules), files, result)
    return batch.filter(placed)


def _refuse(task: WriteTask, batch: pa.RecordBatch, reasons: pa.Array, rules: list[str], files: _Files,
            result: TaskResult) -> None:
    files.add(QUARANTINE, _rejects(batch, reasons, rules, task.table))
    for rule in rules:
        result.reasons[rule] = result.reasons.get(rule, 0) + 1


def _where(rows: Rows, mask: npt.NDArray[np.bool_]) -> Rows:
    """The rows that `mask` marks; not copied where it marks all."""
    return rows if mask.all() else rows.filter(pa.array(mask))


def tally_partition(
    features: str, columns: tuple[str, ...], batches: Iterable[pa.RecordBatch]
) -> Iterator[pa.RecordBatch]:
    """What the features that learn before anything is written need to know of a partition of the train split."""
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


def _culprits(reasons: pa.Array) -> list[str]:
    """The feature that each reason begins with."""
    return [str(reason).split(" ", 1)[0] for reason in reasons.to_pylist()]


class _Files:
    """The task's open files, one a part, made when their first row comes.

    A lake on this machine's disk is written to in place, any other from a copy in `folder`.
    """

    def __init__(self, task: WriteTask, features: FeatureSet, folder: str) -> None:
        self._task, self._folder, self._store = task, folder, Lake(task.lake).store
        self._schemas: Mapping[str, pa.Schema] = {QUARANTINE: _REJECT_SCHEMA}
        self._default = features.storage_schema()
        self._open: dict[str, RowGroups] = {}

    def add(self, part: str, rows: pa.Table) -> None:
        if part not in self._open:
            path = f"{self._task.draft}/_attempts/{part}-{uuid.uuid4().hex}.parquet"
            local = self._store.local(path)
            place = Path(local or f"{self._folder}/{part}.parquet")
            place.parent.mkdir(parents=True, exist_ok=True)
            schema = self._schemas.get(part, self._default)
            self._open[part] = RowGroups(place, path, schema, self._task.rows_per_group, durable=local is not None)
        self._open[part].add(rows)

    def finish(self) -> dict[str, Written]:
        done = {}
        for part, groups in self._open.items():
            sizes = groups.close()
            if self._store.local(groups.path) is None:
                self._store.put(str(groups.place), groups.path)
            with groups.place.open("rb") as file:
                checksum = crc32_of(file)
            done[part] = Written(groups.path, sum(sizes), sizes, groups.place.stat().st_size, checksum)
        return done
