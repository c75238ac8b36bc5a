"""The columns of committed Parquet straight from its files into a task: Spark only says which rows, and their splits.

    frame = pointers(rows)                                # file, row, SPLIT: a few bytes a row
    with DirectRows(store, table.path(), ("pixels", "label")) as rows:
        rows.beside(batch)                                # the columns, and SPLIT

What Spark reads for Python it decodes in the JVM, turns into rows, then into Arrow, and sends through a socket; pyarrow
reads the same pages in place. Only rows that keep their order can be read so: a shuffle has to move them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from laketrain.convert.split import SPLIT
from laketrain.errors import DataError
from laketrain.lake import Version
from laketrain.lake.stores.store import Store

if TYPE_CHECKING:
    from pyspark.sql import DataFrame
    from pyspark.sql.types import DataType

_FILE, _ROW = "file", "row"
_SAME = {"binary", "string", "boolean", "tinyint", "smallint", "int", "bigint", "float", "double"}
"""Types of which pyarrow and Spark read the same values from a file."""
_NOTHING = pa.RecordBatch.from_arrays([], names=[])


def readable(rows: DataFrame, columns: Sequence[str], table: Version) -> bool:
    """Whether pyarrow reads these columns of `table` as Spark does; its files lie in one directory."""
    return all("/" not in file.path for file in table.entry.files) and all(
        "." not in column and _same(rows.schema[column].dataType) for column in columns)


def _same(kind: DataType) -> bool:
    from pyspark.sql.types import ArrayType

    return _same(kind.elementType) if isinstance(kind, ArrayType) else kind.simpleString() in _SAME


def pointers(rows: DataFrame) -> DataFrame:
    """Where each row lies, and its SPLIT. `rows` must come from Parquet files, without a join or a sort between."""
    from pyspark.sql import functions as F

    return rows.select(F.col("_metadata.file_path").alias(_FILE), F.col("_metadata.row_index").alias(_ROW), SPLIT)


class DirectRows:
    """Reads the rows that pointers name, of the files below `folder`, for `stage`. Use it as a context manager.

    Rows are asked for in runs that go on where the last one ended, but for the first of a file or of a task: so a file
    is read from there on in batches, whatever the size of its row groups.
    """

    def __init__(self, store: Store, folder: str, columns: Sequence[str], stage: str = "convert") -> None:
        self._stage = stage
        self._store, self._folder, self._columns = store, folder, list(columns)
        self._open = ExitStack()
        self._reading: tuple[str, int] = ("", 0)
        self._stream: Iterator[pa.RecordBatch] = iter(())
        self._left = _NOTHING

    def __enter__(self) -> DirectRows:
        return self

    def __exit__(self, *error: object) -> None:
        self._open.close()

    def beside(self, batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
        """The rows of `batch` (file, row, SPLIT) in its order: the columns, then SPLIT."""
        files, rows, splits = batch.columns
        names, places = files.dictionary_encode(), rows.to_numpy()
        codes = names.indices.to_numpy()
        breaks = np.flatnonzero((np.diff(codes) != 0) | (np.diff(places) != 1)) + 1
        for begin, end in zip([0, *breaks], [*breaks, len(places)], strict=True):
            if begin == end:
                continue
            name = unquote(names.dictionary[int(codes[begin])].as_py()).rpartition("/")[2]
            start = begin
            for part in self._rows(name, int(places[begin]), end - begin):
                split = splits.slice(start, part.num_rows)
                start += part.num_rows
                yield pa.RecordBatch.from_arrays([*part.columns, split], names=[*self._columns, SPLIT])

    def _rows(self, name: str, first: int, count: int) -> Iterator[pa.RecordBatch]:
        if self._reading != (name, first):
            self._seek(name, first, count)
        self._reading = (name, first + count)
        while count:
            if not self._left.num_rows:
                self._left = self._next(name)
            part = self._left.slice(0, count)
            self._left = self._left.slice(part.num_rows)
            count -= part.num_rows
            yield part

    def _next(self, name: str) -> pa.RecordBatch:
        try:
            batch = next(self._stream, None)
        except (pa.ArrowException, OSError) as error:
            raise self._broken(name, f"can't be read: {error}") from error
        if batch is None:
            raise self._broken(name, "ends before its rows do")
        return batch

    def _seek(self, name: str, first: int, size: int) -> None:
        """Begins to read a file at its row `first`, in batches of `size` rows."""
        self._open.close()
        path = f"{self._folder}/{name}"
        local = self._store.local(path)
        try:
            source: Any = self._open.enter_context(pa.memory_map(local) if local else self._store.open(path))
            file = self._open.enter_context(pq.ParquetFile(source))
        except (pa.ArrowException, OSError) as error:
            raise self._broken(name, f"can't be opened: {error}") from error
        groups = [file.metadata.row_group(group).num_rows for group in range(file.metadata.num_row_groups)]
        ends = np.cumsum(groups)
        group = int(np.searchsorted(ends, first, side="right"))
        self._stream = file.iter_batches(size, row_groups=list(range(group, len(groups))), columns=self._columns,
                                         use_threads=False)
        skip = first - int(ends[group] - groups[group])
        self._left = _NOTHING
        while skip:
            self._left = self._next(name)
            passed = min(skip, self._left.num_rows)
            self._left, skip = self._left.slice(passed), skip - passed

    def _broken(self, name: str, problem: str) -> DataError:
        return DataError(self._stage, f"{self._folder}/{name}", problem,
                         "see laketrain verify, then make that version again with --force")
