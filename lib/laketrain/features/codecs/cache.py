"""Decodes a column of files in threads, and caches the results: a feature's methods decode the same batch repeatedly.

    results = decode_column(column, spec, lambda data: decode_image(data, spec))    # an array, a reason or None a row

The cache is keyed by the file's bytes, so filtering or reordering a batch doesn't matter. It holds the newest files up
to a set size. Identical files in a batch are decoded once.
"""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from laketrain.features.codecs.header import Unreadable

Array = npt.NDArray[Any]
Decoded = Array | str
T = TypeVar("T")
U = TypeVar("U")

_MOST_BYTES = 64 * 2**20


def decode_column(column: pa.Array, settings: Hashable, decode: Callable[[bytes], Array]) -> list[Decoded | None]:
    """Each row's array, or the reason why it can't be decoded; None for a null row.

    Args:
        column: (n,) binary.
        settings: everything that `decode` depends on but the file; part of the cache's key.
        decode: raises Unreadable with the reason.
    """
    rows: list[bytes | None] = column.to_pylist()
    results = _cache.get(settings, rows)
    missing = [data for data in dict.fromkeys(rows) if data is not None and data not in results]
    results.update(zip(missing, parallel_map(lambda data: _try_decode(decode, data), missing), strict=True))
    _cache.put(settings, {data: results[data] for data in missing})
    return [None if data is None else results[data] for data in rows]


def failures(results: Sequence[Decoded | None]) -> pa.Array:
    """The reasons among the results of `decode_column`; null for decoded and null rows."""
    return pa.array([result if isinstance(result, str) else None for result in results], pa.string())


def parallel_map(function: Callable[[T], U], items: Sequence[T]) -> list[U]:
    """`function` of every item, in order, in as many threads as this task has cores."""
    workers = min(thread_count(), len(items))
    if workers < 2:
        return [function(item) for item in items]
    # A few pieces a thread: little overhead, and threads end at about the same time.
    size = max(1, len(items) // (workers * 4))
    pieces = [items[start : start + size] for start in range(0, len(items), size)]
    done = _pool(os.getpid(), workers).map(lambda piece: [function(item) for item in piece], pieces)
    return [result for piece in done for result in piece]


def thread_count() -> int:
    """This task's share of the cores: OMP_NUM_THREADS, which Spark and our ranks set, else all cores."""
    setting = os.environ.get("OMP_NUM_THREADS", "")
    if setting.isdecimal() and int(setting):
        return int(setting)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@lru_cache(maxsize=8)
def _pool(process: int, workers: int) -> ThreadPoolExecutor:
    """Reused by later batches. `process` is part of the key, as a forked process has none of its parent's threads."""
    return ThreadPoolExecutor(workers, thread_name_prefix=f"decode-{process}")


def _try_decode(decode: Callable[[bytes], Array], data: bytes) -> Decoded:
    try:
        return decode(data)
    except Unreadable as reason:
        return str(reason)


class _Cache:
    """Results by settings and bytes; the oldest are dropped first."""

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes, self._bytes = most_bytes, 0
        self._results: OrderedDict[tuple[int, bytes], Decoded] = OrderedDict()
        self._numbers: dict[Hashable, int] = {}  # of settings, which are slow to hash
        self._lock = threading.Lock()

    def get(self, settings: Hashable, rows: Sequence[bytes | None]) -> dict[bytes, Decoded]:
        with self._lock:
            number = self._number(settings)
            pairs = ((data, self._results.get((number, data))) for data in rows if data is not None)
            return {data: result for data, result in pairs if result is not None}

    def put(self, settings: Hashable, results: dict[bytes, Decoded]) -> None:
        with self._lock:
            number = self._number(settings)
            for data, result in results.items():
                if (number, data) not in self._results:
                    self._results[number, data] = result
                    self._bytes += _size(data, result)
            while self._bytes > self._most_bytes:
                (_, data), result = self._results.popitem(last=False)
                self._bytes -= _size(data, result)

    def _number(self, settings: Hashable) -> int:
        return self._numbers.setdefault(settings, len(self._numbers))


def _size(data: bytes, result: Decoded) -> int:
    return len(data) + (result.nbytes if isinstance(result, np.ndarray) else len(result))


_cache = _Cache(_MOST_BYTES)
