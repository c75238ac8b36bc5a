"""Work on whole files, each by one task, on the executors.

    by_files(spark, files, work, "file int, look string")      # `work` makes Arrow batches of a file's number
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial

import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import types as T

from laketrain.clean.reading.landed import RawFile
from laketrain.clean.reading.media import cut

Work = Callable[[int], Iterator[pa.RecordBatch]]


def by_files(spark: SparkSession, files: Sequence[RawFile], work: Work, columns: str | T.StructType) -> DataFrame:
    """What `work` makes of each file's number, in tasks of about equal work."""
    parts = cut([file.file.bytes for file in files])
    return spark.range(0, len(parts), 1, len(parts)).mapInArrow(partial(_task, parts, work), columns)


def looked_at(spark: SparkSession, files: Sequence[RawFile], look: Callable[[int], str]) -> list[str]:
    """What `look` tells of each file's number, in the files' order."""
    found = by_files(spark, files, partial(_look, look), "file int, look string").collect()
    told = {row["file"]: row["look"] for row in found}
    return [told[number] for number in range(len(files))]


def _task(parts: Sequence[tuple[int, int]], work: Work, batches: Iterable[pa.RecordBatch]
          ) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        for part in batch.column("id").to_pylist():
            for number in range(*parts[part]):
                yield from work(number)


def _look(look: Callable[[int], str], number: int) -> Iterator[pa.RecordBatch]:
    yield pa.RecordBatch.from_arrays([pa.array([number], pa.int32()), pa.array([look(number)])],
                                     names=["file", "look"])
