"""Reads columns of committed Parquet files directly in a Python task. Spark sends only row references and splits.

    frame = row_refs(rows)                                # file, row, SPLIT: a few bytes a row
    with DirectReader(store, table.path(), ("pixels", "label")) as reader:
        reader.read(batch)                                # the columns, and SPLIT

For Python, Spark would decode the pages in the JVM, convert them to rows and to Arrow, and send them through a socket;
pyarrow reads them directly. This works only for rows in the order of their files, because a shuffle must move them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from laketrain.errors import DataError
from laketrain.spark.frames import SPLIT

if TYPE_CHECKING:
    from pyspark.sql import DataFrame
    from pyspark.sql.types import DataType

    from laketrain.lake import Store

_FILE, _ROW = "file", "row"
_SUPPORTED = {"binary", "string", "boolean", "tinyint", "smallint", "int", "bigint", "float", "double"}
"""Types that pyarrow and Spark read as the same values."""
_EMPTY = pa.RecordBatch.from_arrays([], names=[])


def supports_direct_read(rows: DataFrame, columns: Sequence[str], files: Iterable[str]) -> bool:
    """Whether pyarrow reads these columns of a table as Spark does. `files` are its paths, which must be in a single
    directory."""
    return all("/" not in path for path in files) and all(
        "." not in column and _is_supported(rows.schema[column].dataType) for column in columns)


def _is_supported(kind: DataType) -> bool:
    from pyspark.sql.types import ArrayType

    return _is_supported(kind.elementType) if isinstance(kind, ArrayType) else kind.simpleString() in _SUPPORTED


def row_refs(rows: DataFrame) -> DataFrame:
    """The file and the row number of each row, and its SPLIT. `rows` must be read from Parquet files, without a join or
    a sort."""
    from pyspark.sql import functions as F

    return rows.select(F.col("_metadata.file_path").alias(_FILE), F.col("_metadata.row_index").alias(_ROW), SPLIT)


class DirectReader:
    """Reads referenced rows of the files below `folder`. Use it as a context manager; `stage` is for error messages.

    References are mostly consecutive, so a file is opened at the first row and read from there in batches, whatever
    the size of its row groups.
    """

    def __init__(self, store: Store, folder: str, columns: Sequence[str], stage: str = "convert") -> None:
        self._stage = stage
        self._store, self._folder, self._columns = store, folder, list(columns)
        self._open = ExitStack()
        self._position: tuple[str, int] = ("", 0)
        self._stream: Iterator[pa.RecordBatch] = iter(())
        self._rest = _EMPTY

    def __enter__(self) -> DirectReader:
        return self

    def __exit__(self, *error: object) -> None:
        self._open.close()

    def read(self, batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
        """The rows that `batch` (file, row, SPLIT) refers to, in its order: the columns, then SPLIT."""
        files, rows, splits = batch.columns
        names, numbers = files.dictionary_encode(), rows.to_numpy()
        codes = names.indices.to_numpy()
        breaks = np.flatnonzero((np.diff(codes) != 0) | (np.diff(numbers) != 1)) + 1
        for begin, end in zip([0, *breaks], [*breaks, len(numbers)], strict=True):
            if begin == end:
                continue
            name = unquote(names.dictionary[int(codes[begin])].as_py()).rpartition("/")[2]
            start = begin
            for part in self._rows(name, int(numbers[begin]), end - begin):
                split = splits.slice(start, part.num_rows)
                start += part.num_rows
                yield pa.RecordBatch.from_arrays([*part.columns, split], names=[*self._columns, SPLIT])

    def _rows(self, name: str, first: int, count: int) -> Iterator[pa.RecordBatch]:
        if self._position != (name, first):
            self._seek(name, first, count)
        self._position = (name, first + count)
        while count:
            if not self._rest.num_rows:
                self._rest = self._next(name)
            part = self._rest.slice(0, count)
            self._rest = self._rest.slice(part.num_rows)
            count -= part.num_rows
            yield part

    def _next(self, name: str) -> pa.RecordBatch:
        try:
            batch = next(self._stream, None)
        except (pa.ArrowException, OSError) as error:
            raise self._error(name, f"can't be read: {error}") from error
        if batch is None:
            raise self._error(name, "ends before its rows do")
        return batch

    def _seek(self, name: str, first: int, size: int) -> None:
        """Opens a file at its row `first`, to be read in batches of `size` rows."""
        self._open.close()
        path = f"{self._folder}/{name}"
        local = self._store.local(path)
        try:
            source: Any = self._open.enter_context(pa.memory_map(local) if local else self._store.open(path))
            file = self._open.enter_context(pq.ParquetFile(source))
        except (pa.ArrowException, OSError) as error:
            raise self._error(name, f"can't be opened: {error}") from error
        groups = [file.metadata.row_group(group).num_rows for group in range(file.metadata.num_row_groups)]
        ends = np.cumsum(groups)
        group = int(np.searchsorted(ends, first, side="right"))
        self._stream = file.iter_batches(size, row_groups=list(range(group, len(groups))), columns=self._columns,
                                         use_threads=False)
        skip = first - int(ends[group] - groups[group])
        self._rest = _EMPTY
        while skip:
            self._rest = self._next(name)
            skipped = min(skip, self._rest.num_rows)
            self._rest, skip = self._rest.slice(skipped), skip - skipped

    def _error(self, name: str, problem: str) -> DataError:
        return DataError(self._stage, f"{self._folder}/{name}", problem,
                         "see laketrain verify, then make that version again with --force")
