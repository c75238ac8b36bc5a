"""Files decoded in threads, each one once a batch: `check`, `pack`, `bucket_of` and `tally` all ask for the same ones.

    found = decode_column(column, spec, lambda data: decode_image(data, spec))    # an array, a reason or None a row

The memory is keyed by the file's bytes, so it holds whatever is filtered or reordered in between; it keeps the newest
files up to a set size. Identical files of a batch are decoded once too.
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
    """Of each row its array, or the reason why there is none; None where the row is null.

    Args:
        column: (n,) of binary.
        settings: what `decode` depends on besides the file.
        decode: raises Unreadable with the reason.
    """
    rows: list[bytes | None] = column.to_pylist()
    known = _cache.get(settings, rows)
    fresh = [data for data in dict.fromkeys(rows) if data is not None and data not in known]
    known.update(zip(fresh, parallel_map(lambda data: _try_decode(decode, data), fresh), strict=True))
    _cache.put(settings, {data: known[data] for data in fresh})
    return [None if data is None else known[data] for data in rows]


def failures(found: Sequence[Decoded | None]) -> pa.Array:
    """The reasons among what `decoded` gave; null where there is an array or the row is null."""
    return pa.array([one if isinstance(one, str) else None for one in found], pa.string())


def parallel_map(function: Callable[[T], U], items: Sequence[T]) -> list[U]:
    """`function` of every item, in order, by as many threads as this task has cores."""
    workers = min(thread_count(), len(items))
    if workers < 2:
        return [function(item) for item in items]
    # A few pieces a thread: little talk with the pool, and none waits long for a piece of large files.
    size = max(1, len(items) // (workers * 4))
    pieces = [items[start : start + size] for start in range(0, len(items), size)]
    done = _pool(os.getpid(), workers).map(lambda piece: [function(item) for item in piece], pieces)
    return [result for piece in done for result in piece]


def thread_count() -> int:
    """This task's share of the cores. Spark tells it to its Python workers as OMP_NUM_THREADS, and so do our ranks."""
    told = os.environ.get("OMP_NUM_THREADS", "")
    if told.isdecimal() and int(told):
        return int(told)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@lru_cache(maxsize=8)
def _pool(process: int, workers: int) -> ThreadPoolExecutor:
    """Kept for the next batch. A forked process has none of its parent's threads, so it gets its own."""
    return ThreadPoolExecutor(workers, thread_name_prefix=f"decode-{process}")


def _try_decode(decode: Callable[[bytes], Array], data: bytes) -> Decoded:
    try:
        return decode(data)
    except Unreadable as reason:
        return str(reason)


class _Cache:
    """What files became, by settings and bytes; the oldest are forgotten first."""

    def __init__(self, most_bytes: int) -> None:
        self._most, self._held = most_bytes, 0
        self._known: OrderedDict[tuple[int, bytes], Decoded] = OrderedDict()
        self._numbers: dict[Hashable, int] = {}  # of the settings, which take longer to hash
        self._lock = threading.Lock()

    def get(self, settings: Hashable, rows: Sequence[bytes | None]) -> dict[bytes, Decoded]:
        with self._lock:
            number = self._number(settings)
            pairs = ((data, self._known.get((number, data))) for data in rows if data is not None)
            return {data: found for data, found in pairs if found is not None}

    def put(self, settings: Hashable, found: dict[bytes, Decoded]) -> None:
        with self._lock:
            number = self._number(settings)
            for data, one in found.items():
                if (number, data) not in self._known:
                    self._known[number, data] = one
                    self._held += _size(data, one)
            while self._held > self._most:
                (_, data), one = self._known.popitem(last=False)
                self._held -= _size(data, one)

    def _number(self, settings: Hashable) -> int:
        return self._numbers.setdefault(settings, len(self._numbers))


def _size(data: bytes, found: Decoded) -> int:
    return len(data) + (found.nbytes if isinstance(found, np.ndarray) else len(found))


_cache = _Cache(_MOST_BYTES)
