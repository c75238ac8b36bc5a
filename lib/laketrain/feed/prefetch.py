"""Prefetching: a thread makes the next items while the last one is used, never more than `depth` of them.

    with Prefetcher(read_windows(), depth=1, name="read") as windows:
        for window in windows: ...

An error of the thread is raised where its item is due. If the source yields nothing for `patience_s`, an error
describes what it was doing. A thread that is stuck can't be ended from outside, but doesn't keep the process alive.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Iterator
from queue import Empty, SimpleQueue
from types import TracebackType
from typing import Generic, TypeVar

from laketrain.errors import DataError

Item = TypeVar("Item")
PATIENCE_S = 300.0


class Prefetcher(Iterator[Item], Generic[Item]):
    """An iterator over `source`, which runs in a thread.

    Args:
        source: the thread also closes it, even if the consumer leaves early.
        depth: how many items may be made before they are asked for. With 1, the next item is started when the last one
            is handed over: a consumer that holds one item has two in memory, never three.
        name: of the thread.
        patience_s: seconds that an item may take.
        describe: returns what the source is doing, for the error.
    """

    def __init__(self, source: Generator[Item, None, None], depth: int, name: str, patience_s: float = PATIENCE_S,
                 describe: Callable[[], str] = lambda: "the data") -> None:
        self._source, self._patience, self._describe = source, patience_s, describe
        self._permits = threading.Semaphore(depth)
        self._queue: SimpleQueue[tuple[str, Item | BaseException | None]] = SimpleQueue()
        self._ended = self._stuck = False
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"laketrain-feed-{name}", daemon=True)
        self._thread.start()

    def __next__(self) -> Item:
        if self._ended:
            raise StopIteration
        try:
            kind, value = self._queue.get(timeout=self._patience)
        except Empty:
            self._ended = self._stuck = True
            raise DataError("feed", self._describe(), f"has given nothing for {self._patience:g} s",
                            "check that the storage responds; the next attempt resumes from the last checkpoint"
                            ) from None
        if kind == "item":
            self._permits.release()
            return value  # type: ignore[return-value]
        self._ended = True
        if isinstance(value, BaseException):
            raise value
        raise StopIteration

    def close(self) -> None:
        """Ends the thread after its current item. A stuck thread is abandoned."""
        self._ended = True
        self._stop.set()
        self._permits.release()
        if not self._stuck and threading.current_thread() is not self._thread:
            self._thread.join()

    def __enter__(self) -> Prefetcher[Item]:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        self.close()

    def _run(self) -> None:
        try:
            while True:
                self._permits.acquire()
                if self._stop.is_set():
                    return
                self._queue.put(("item", next(self._source)))
        except StopIteration:
            self._queue.put(("end", None))
        except BaseException as error:  # the consumer raises it
            self._queue.put(("error", error))
        finally:
            self._source.close()
