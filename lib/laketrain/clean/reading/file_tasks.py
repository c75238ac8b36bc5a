"""Work on whole files, in Spark tasks of about equal size.

    map_files(spark, files, work, "file int, look string")      # `work` returns Arrow batches for a file's number
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial

import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import types as T

from laketrain.clean.reading.raw_files import RawFile

TASK_BYTES = 32 << 20
"""Bytes of work in a task, which then takes seconds."""
OPEN_COST = 16 << 10
"""The cost of opening a file, as the bytes that could be read meanwhile: 20,000 tiny files make ten tasks."""
BATCH = 8 << 20
"""Bytes in one Arrow batch, or more if its last file is large."""

Work = Callable[[int], Iterator[pa.RecordBatch]]


def split_by_size(sizes: Sequence[int]) -> list[tuple[int, int]]:
    """Splits neighbouring files into groups of about TASK_BYTES: their [start, stop). Deterministic."""
    groups, start, load = [], 0, 0
    for index, size in enumerate(sizes):
        load += size + OPEN_COST
        if load >= TASK_BYTES:
            groups.append((start, index + 1))
            start, load = index + 1, 0
    if start < len(sizes):
        groups.append((start, len(sizes)))
    return groups


def map_files(spark: SparkSession, files: Sequence[RawFile], work: Work, columns: str | T.StructType) -> DataFrame:
    """The rows that `work` returns for each file's number."""
    groups = split_by_size([file.file.bytes for file in files])
    return spark.range(0, len(groups), 1, len(groups)).mapInArrow(partial(_task, groups, work), columns)


def inspect_files(spark: SparkSession, files: Sequence[RawFile], inspect: Callable[[int], str]) -> list[str]:
    """The text that `inspect` returns for each file's number, in the files' order."""
    rows = map_files(spark, files, partial(_row, inspect), "file int, result string").collect()
    results = {row["file"]: row["result"] for row in rows}
    return [results[number] for number in range(len(files))]


def _task(groups: Sequence[tuple[int, int]], work: Work, batches: Iterable[pa.RecordBatch]
          ) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        for group in batch.column("id").to_pylist():
            for number in range(*groups[group]):
                yield from work(number)


def _row(inspect: Callable[[int], str], number: int) -> Iterator[pa.RecordBatch]:
    yield pa.RecordBatch.from_arrays([pa.array([number], pa.int32()), pa.array([inspect(number)])],
                                     names=["file", "result"])
