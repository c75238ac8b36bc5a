"""Rows of a split by their global number, decoded: whatever the files and row groups they lie in.

    reader = RowReader(store, files, features, ["image", "label"])
    reader.read(np.array([7, 3, 59_999]))["image"]        # (3, 28, 28, 1) uint8, in that order

Each row group that holds some asked row is read once a call, and only the named columns of it.
"""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from typing import Any, BinaryIO, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from laketrain.errors import DataError
from laketrain.features import FeatureSet
from laketrain.feed.cache import DecodedCache

OPEN_FILES = 32
_CLOSING_S = 2.0


class DataFile(Protocol):
    """A file of a split, as its lake entry records it. What is None is read from the file itself."""

    @property
    def path(self) -> str: ...
    @property
    def rows(self) -> int | None: ...
    @property
    def row_groups(self) -> Sequence[int] | None: ...


@runtime_checkable
class Partitioned(Protocol):
    """A file whose path holds some of its columns: (name, value as text), the same for all its rows."""

    @property
    def constants(self) -> Sequence[tuple[str, str]]: ...


class Files(Protocol):
    """What is needed of a lake's store."""

    def open(self, path: str) -> BinaryIO: ...
    def local(self, path: str) -> str | None: ...


class RowReader:
    """Reads rows of files that lie one behind the other, in the order given.

    It keeps some files open: use it as a context manager, or `close` it. Threads wait for each other.

    Args:
        store: opens the files.
        files: of one split, their paths relative to the store's root.
        features: how to decode.
        columns: which features to read.
        threads: that read row groups side by side, each through open files of its own; by default `reading_threads`.
        cache: where decoded images are kept and looked for; nowhere by default.

    Raises:
        DataError: a file can't be read, or holds other row groups than recorded; it is named.
    """

    def __init__(self, store: Files, files: Iterable[DataFile], features: FeatureSet, columns: Iterable[str],
                 threads: int | None = None, cache: DecodedCache | None = None) -> None:
        self.features, self.columns = features, tuple(columns)
        self._cache = cache
        self._store, self._files = store, tuple(files)
        self._threads = threads or reading_threads()
        self._lock = threading.RLock()
        self._open: list[OrderedDict[int, pq.ParquetFile]] = [OrderedDict() for _ in range(self._threads)]
        self._at: dict[int, str] = {}
        groups = [self._row_groups(index) for index in range(len(self._files))]
        self._file_of = np.repeat(np.arange(len(groups)), [len(sizes) for sizes in groups])
        self._group_of = np.concatenate([np.arange(len(sizes)) for sizes in groups] or [np.empty(0, np.int64)])
        sizes = np.array([size for sizes in groups for size in sizes], np.int64)
        self._starts = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)

    @property
    def rows(self) -> int:
        """Of all files."""
        return int(self._starts[-1])

    @property
    def row_bytes(self) -> int:
        """Memory of one decoded row of the columns."""
        return self.features.row_bytes(self.columns)

    def read(self, rows: npt.NDArray[np.int64]) -> dict[str, npt.NDArray[Any]]:
        """name -> (n, *shape) of the rows with these global numbers, in the order asked; repeats are fine.

        Raises:
            DataError: a file is damaged, or stores other tensors than declared; it is named.
            IndexError: a number is beyond the rows.
        """
        rows = np.asarray(rows, np.int64)
        if len(rows) and (rows.min() < 0 or rows.max() >= self.rows):
            raise IndexError(f"rows {rows.min()} … {rows.max()} asked of {self.rows}")
        out = {name: aligned((len(rows), *self.features[name].shape), self.features[name].dtype)
               for name in self.columns}
        order = np.argsort(rows, kind="stable")
        groups = np.searchsorted(self._starts, rows[order], side="right") - 1
        found, begins = np.unique(groups, return_index=True)
        parts = list(zip(found.tolist(), np.split(order, begins[1:]), strict=len(found) > 0))

        def fill(thread: int) -> None:
            for group, places in parts[thread::self._threads]:
                self._fill(thread, out, group, _as_slice(places), _as_slice(rows[places] - self._starts[group]))

        with self._lock:
            side_by_side(fill, min(self._threads, len(parts)))
        return out

    def row_groups(self, rows: npt.NDArray[np.int64]) -> dict[str, list[int]]:
        """Where rows with these global numbers lie: the numbers of row groups, ascending, by the file's path."""
        found: dict[str, list[int]] = {}
        for group in np.unique(np.searchsorted(self._starts, rows, side="right") - 1).tolist():
            found.setdefault(self._files[int(self._file_of[group])].path, []).append(int(self._group_of[group]))
        return found

    @property
    def doing(self) -> str:
        """What it reads at this moment, for whoever waits in vain."""
        return next(iter(dict(self._at).values()), "the data")

    def close(self) -> None:
        """Closes what is open; the reader opens files again when asked. The files of a read that is stuck are left to
        it: who waited for it has given up, and shall not wait here for as long as the storage is silent."""
        if not self._lock.acquire(timeout=_CLOSING_S):
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

    def _fill(self, thread: int, out: dict[str, npt.NDArray[Any]], group: int, places: _Places,
              local: _Places) -> None:
        index, number = int(self._file_of[group]), int(self._group_of[group])
        self._at[thread] = f"row group {number} of file {self._files[index].path!r}"
        try:
            tensors = self._tensors(thread, index, number, int(self._starts[group + 1] - self._starts[group]))
        except (OSError, pa.ArrowException) as error:
            raise self._broken(index, f"can't be read: {error}") from error
        except DataError as error:
            if error.subject == self._subject(index):
                raise
            raise self._broken(index, f"{error.subject}: {error.problem}") from error
        finally:
            self._at.pop(thread, None)
        for name, values in tensors.items():
            out[name][places] = values[local]

    def _tensors(self, thread: int, index: int, group: int, rows: int) -> dict[str, npt.NDArray[Any]]:
        """A row group's asked columns, decoded now or before."""
        path, cache = self._files[index].path, self._cache
        if cache is None:
            return self.features.tensors(self._table(thread, index, group, rows, self.columns), self.columns)
        slow = [name for name in self.columns if cache.holds(self.features[name])]
        found = {name: cache.get(path, group, name, (rows, *self.features[name].shape), self.features[name].dtype)
                 for name in slow}
        kept = {name: values for name, values in found.items() if values is not None}
        rest = [name for name in self.columns if name not in kept]
        fresh = self.features.tensors(self._table(thread, index, group, rows, rest), rest) if rest else {}
        for name in slow:
            if name in fresh:
                cache.put(path, group, name, fresh[name])
        return {**kept, **fresh}

    def _table(self, thread: int, index: int, group: int, rows: int, asked: Sequence[str]) -> pa.Table:
        """The asked columns of a row group, also those that the file's path holds."""
        file = self._files[index]
        constants = {name: value for name, value in (file.constants if isinstance(file, Partitioned) else ())
                     if name in asked}
        columns = [name for name in asked if name not in constants]
        # The threads are ours: Arrow's own would only add to them.
        table = self._file(thread, index).read_row_group(group, columns=columns, use_threads=False)
        for name, value in constants.items():
            column = pa.array([value] * rows, pa.string())
            table = table.append_column(name, column) if table.num_columns else pa.table({name: column})
        return table

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
        """The file, opened, if it is what was recorded."""
        path = self._files[index].path
        local = self._store.local(path)
        try:
            # Not mapped into memory: what was once read of a mapped file counts as the rank's memory.
            file = pq.ParquetFile(local) if local else pq.ParquetFile(self._store.open(path), pre_buffer=True)
        except (OSError, pa.ArrowException) as error:
            raise self._broken(index, f"can't be opened: {error}") from error
        found, expected = _sizes(file), self._files[index].row_groups
        recorded = self._files[index].rows if expected is None else sum(expected)
        if recorded is not None and recorded != sum(found):
            file.close(force=True)
            raise self._broken(index, f"holds {sum(found)} rows, {recorded} were recorded")
        if expected is not None and list(expected) != found:
            file.close(force=True)
            raise self._broken(index, f"holds {len(found)} row groups, other than the {len(expected)} recorded")
        return file

    def _row_groups(self, index: int) -> list[int]:
        recorded = self._files[index].row_groups
        return _sizes(self._file(0, index)) if recorded is None else list(recorded)

    def _broken(self, index: int, problem: str) -> DataError:
        return DataError("feed", self._subject(index), problem, "restore the file, or convert the dataset again")

    def _subject(self, index: int) -> str:
        return f"file {self._files[index].path!r}"


def reading_threads() -> int:
    """As many as this process may compute with: OMP_NUM_THREADS, which a rank has set to its share of the cores, else
    all cores; at most 4, which no disk outpaces."""
    given = os.environ.get("OMP_NUM_THREADS", "")
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(int(given) if given.isdecimal() else cores, 4))


def side_by_side(work: Callable[[int], None], threads: int) -> None:
    """Runs work(0) here and work(1), … in threads of their own; raises the first one's error.

    They are daemons: one that storage has stuck must not keep the process from ending.
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


_Places = npt.NDArray[np.int64] | slice


def aligned(shape: tuple[int, ...], dtype: np.dtype[Any]) -> npt.NDArray[Any]:
    """As `np.empty`, but at a multiple of 64 bytes: TensorFlow copies what isn't."""
    size = int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
    if dtype.hasobject or not size:
        return np.empty(shape, dtype)
    memory = np.empty(size + 64, np.uint8)
    start = -memory.ctypes.data % 64
    return memory[start : start + size].view(dtype).reshape(shape)


def _sizes(file: pq.ParquetFile) -> list[int]:
    metadata = file.metadata
    return [metadata.row_group(group).num_rows for group in range(metadata.num_row_groups)]


def _as_slice(places: npt.NDArray[np.int64]) -> _Places:
    """A run of neighbours as a slice, which copies rows in one go."""
    first, count = int(places[0]), len(places)
    neighbours = int(places[-1]) - first == count - 1 and bool((np.diff(places) == 1).all())
    return slice(first, first + count) if neighbours else places
