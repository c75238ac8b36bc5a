"""Reads rows of Parquet files by their global number and decodes them, across files and row groups.

    reader = RowReader(store, files, features, ["image", "label"])
    reader.read(np.array([7, 3, 59_999]))["image"]        # (3, 28, 28, 1) uint8, in that order

A call reads each row group that contains a requested row once, and only the named columns.
"""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from typing import Any, BinaryIO, Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from laketrain.errors import DataError
from laketrain.features import FeatureSet
from laketrain.feed.cache import DecodedCache
from laketrain.feed.source import Arrays

OPEN_FILES = 32
_CLOSE_TIMEOUT_S = 2.0


class DataFile(Protocol):
    """A file of a split, as recorded in the lake. Fields that are None are read from the file."""

    @property
    def path(self) -> str: ...
    @property
    def rows(self) -> int | None: ...
    @property
    def row_groups(self) -> Sequence[int] | None: ...


class FileStore(Protocol):
    """The part of a lake's store that a reader uses."""

    def open(self, path: str) -> BinaryIO: ...
    def local(self, path: str) -> str | None: ...


class RowReader:
    """Reads rows of files, numbered in the order of the files: the `RowSource` of a lake.

    It keeps files open: use it as a context manager, or `close` it. Calls from several threads run one after another.

    Args:
        store: opens the files.
        files: of one split, their paths relative to the store's root.
        features: how to decode.
        columns: features to read.
        threads: read row groups in parallel, each with its own open files; by default `reading_threads()`.
        cache: of decoded images; none by default.

    Raises:
        DataError: a file can't be read, or differs in row groups from what was recorded. The error names it.
    """

    def __init__(self, store: FileStore, files: Iterable[DataFile], features: FeatureSet, columns: Iterable[str],
                 threads: int | None = None, cache: DecodedCache | None = None) -> None:
        self.features, self.columns = features, tuple(columns)
        self._cache = cache
        self._store, self._files = store, tuple(files)
        self._threads = threads or reading_threads()
        self._lock = threading.RLock()
        self._open: list[OrderedDict[int, pq.ParquetFile]] = [OrderedDict() for _ in range(self._threads)]
        self._current: dict[int, str] = {}
        groups = [self._row_groups(index) for index in range(len(self._files))]
        self._file_of = np.repeat(np.arange(len(groups)), [len(sizes) for sizes in groups])
        self._group_of = np.concatenate([np.arange(len(sizes)) for sizes in groups] or [np.empty(0, np.int64)])
        sizes = np.array([size for sizes in groups for size in sizes], np.int64)
        self._starts = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)

    @property
    def rows(self) -> int:
        """The number of rows of all files."""
        return int(self._starts[-1])

    @property
    def row_bytes(self) -> int:
        """Memory of one decoded row of the columns."""
        return self.features.row_bytes(self.columns)

    def read(self, rows: npt.NDArray[np.int64]) -> Arrays:
        """name -> (n, *shape) of the rows with these global numbers, in that order; numbers may repeat.

        Raises:
            DataError: a file is damaged, or its tensors differ from the declared ones. The error names it.
            IndexError: a number is out of range.
        """
        rows = np.asarray(rows, np.int64)
        if len(rows) and (rows.min() < 0 or rows.max() >= self.rows):
            raise IndexError(f"rows {rows.min()} … {rows.max()} requested of {self.rows}")
        out = {name: empty_aligned((len(rows), *self.features[name].shape), self.features[name].dtype)
               for name in self.columns}
        order = np.argsort(rows, kind="stable")
        groups = np.searchsorted(self._starts, rows[order], side="right") - 1
        distinct, starts = np.unique(groups, return_index=True)
        parts = list(zip(distinct.tolist(), np.split(order, starts[1:]), strict=len(distinct) > 0))

        def fill(thread: int) -> None:
            for group, index in parts[thread::self._threads]:
                self._fill(thread, out, group, _as_slice(index), _as_slice(rows[index] - self._starts[group]))

        with self._lock:
            run_in_threads(fill, min(self._threads, len(parts)))
        return out

    def row_groups(self, rows: npt.NDArray[np.int64]) -> dict[str, list[int]]:
        """Path -> ascending numbers of the row groups that contain the rows with these global numbers."""
        groups: dict[str, list[int]] = {}
        for group in np.unique(np.searchsorted(self._starts, rows, side="right") - 1).tolist():
            groups.setdefault(self._files[int(self._file_of[group])].path, []).append(int(self._group_of[group]))
        return groups

    @property
    def current_read(self) -> str:
        """The file and row group that it reads now, for the error of a read that never ends."""
        return next(iter(dict(self._current).values()), "the data")

    def close(self) -> None:
        """Closes open files; a later read opens them again. If a read is stuck, its files stay open and `close` returns
        after two seconds."""
        if not self._lock.acquire(timeout=_CLOSE_TIMEOUT_S):
            return
        try:
            for files in self._open:
                while files:
                    files.popitem()[1].close(force=True)
        finally:
            self._lock.release()

    def __enter__(self) -> RowReader:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _fill(self, thread: int, out: Arrays, group: int, target: _Index, source: _Index) -> None:
        index, number = int(self._file_of[group]), int(self._group_of[group])
        self._current[thread] = f"row group {number} of file {self._files[index].path!r}"
        try:
            tensors = self._tensors(thread, index, number, int(self._starts[group + 1] - self._starts[group]))
        except (OSError, pa.ArrowException) as error:
            raise self._broken(index, f"can't be read: {error}") from error
        except DataError as error:
            if error.subject == self._subject(index):
                raise
            raise self._broken(index, f"{error.subject}: {error.problem}") from error
        finally:
            self._current.pop(thread, None)
        for name, values in tensors.items():
            out[name][target] = values[source]

    def _tensors(self, thread: int, index: int, group: int, rows: int) -> Arrays:
        """A row group's columns, decoded or from the cache."""
        path, cache = self._files[index].path, self._cache
        if cache is None:
            return self.features.tensors(self._table(thread, index, group, rows, self.columns), self.columns)
        slow = [name for name in self.columns if cache.accepts(self.features[name])]
        entries = {name: cache.get(path, group, name, (rows, *self.features[name].shape), self.features[name].dtype)
                   for name in slow}
        cached = {name: values for name, values in entries.items() if values is not None}
        rest = [name for name in self.columns if name not in cached]
        decoded = self.features.tensors(self._table(thread, index, group, rows, rest), rest) if rest else {}
        for name in slow:
            if name in decoded:
                cache.put(path, group, name, decoded[name])
        return {**cached, **decoded}

    def _table(self, thread: int, index: int, group: int, rows: int, columns: Sequence[str]) -> pa.Table:
        """These columns of a row group, which has `rows` rows."""
        # No threads of Arrow: the reader has its own.
        return self._file(thread, index).read_row_group(group, columns=list(columns), use_threads=False)

    def _file(self, thread: int, index: int) -> pq.ParquetFile:
        files = self._open[thread]
        if index in files:
            files.move_to_end(index)
            return files[index]
        while len(files) >= max(1, OPEN_FILES // self._threads):
            files.popitem(last=False)[1].close(force=True)
        files[index] = self._checked(index)
        return files[index]

    def _checked(self, index: int) -> pq.ParquetFile:
        """Opens the file, and compares it with what was recorded."""
        path = self._files[index].path
        local = self._store.local(path)
        try:
            # Not memory-mapped: pages of a mapped file count as the rank's memory.
            file = pq.ParquetFile(local) if local else pq.ParquetFile(self._store.open(path), pre_buffer=True)
        except (OSError, pa.ArrowException) as error:
            raise self._broken(index, f"can't be opened: {error}") from error
        actual, expected = _sizes(file), self._files[index].row_groups
        recorded = self._files[index].rows if expected is None else sum(expected)
        if recorded is not None and recorded != sum(actual):
            file.close(force=True)
            raise self._broken(index, f"holds {sum(actual)} rows, {recorded} were recorded")
        if expected is not None and list(expected) != actual:
            file.close(force=True)
            raise self._broken(index, f"holds {len(actual)} row groups, other than the {len(expected)} recorded")
        return file

    def _row_groups(self, index: int) -> list[int]:
        recorded = self._files[index].row_groups
        return _sizes(self._file(0, index)) if recorded is None else list(recorded)

    def _broken(self, index: int, problem: str) -> DataError:
        return DataError("feed", self._subject(index), problem, "restore the file, or convert the dataset again")

    def _subject(self, index: int) -> str:
        return f"file {self._files[index].path!r}"


def reading_threads() -> int:
    """OMP_NUM_THREADS, which ranks set to their share of the cores, else all cores; at most 4."""
    setting = os.environ.get("OMP_NUM_THREADS", "")
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(int(setting) if setting.isdecimal() else cores, 4))


def run_in_threads(work: Callable[[int], None], threads: int) -> None:
    """Runs work(0) here and work(1) … work(threads - 1) in new threads; raises the error of the lowest number.

    The threads are daemons, so that one that is stuck in the storage doesn't keep the process alive.
    """
    failed: dict[int, BaseException] = {}

    def run(thread: int) -> None:
        try:
            work(thread)
        except BaseException as error:  # raised below, in the caller's thread
            failed[thread] = error

    others = [threading.Thread(target=run, args=(thread,), name=f"laketrain-feed-read-{thread}", daemon=True)
              for thread in range(1, threads)]
    for other in others:
        other.start()
    if threads:
        run(0)
    for other in others:
        other.join()
    if failed:
        raise failed[min(failed)]


_Index = npt.NDArray[np.int64] | slice


def empty_aligned(shape: tuple[int, ...], dtype: np.dtype[Any]) -> npt.NDArray[Any]:
    """`np.empty` at a multiple of 64 bytes; TensorFlow would copy other arrays."""
    size = int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
    if dtype.hasobject or not size:
        return np.empty(shape, dtype)
    memory = np.empty(size + 64, np.uint8)
    start = -memory.ctypes.data % 64
    return memory[start : start + size].view(dtype).reshape(shape)


def _sizes(file: pq.ParquetFile) -> list[int]:
    metadata = file.metadata
    return [metadata.row_group(group).num_rows for group in range(metadata.num_row_groups)]


def _as_slice(index: npt.NDArray[np.int64]) -> _Index:
    """Consecutive numbers as a slice, which copies rows faster."""
    first, count = int(index[0]), len(index)
    consecutive = int(index[-1]) - first == count - 1 and bool((np.diff(index) == 1).all())
    return slice(first, first + count) if consecutive else index
