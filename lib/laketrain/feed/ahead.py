"""Work ahead: a thread makes the next items while the last one is used, never more than `depth` of them.

    with Ahead(read_windows(), depth=1, name="read") as windows:
        for window in windows: ...

What the thread raises is raised where its item is due. A source that gives nothing for `patience_s` is reported with
what it was doing; its thread can't be ended from outside, but doesn't keep the process alive either.
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


class Ahead(Iterator[Item], Generic[Item]):
    """An iterator over `source`, whose items are made in a thread.

    Args:
        source: closed by the thread that runs it, also where the consumer leaves early.
        depth: items that may be made or in the making before they are asked for. With 1, the next is begun when its
            predecessor is handed over: so a consumer that holds one item has two in memory, never three.
        name: of the thread.
        patience_s: how long an item may take. doing: what the source is at, for the error.
    """

    def __init__(self, source: Generator[Item, None, None], depth: int, name: str, patience_s: float = PATIENCE_S,
                 doing: Callable[[], str] = lambda: "the data") -> None:
        self._source, self._patience, self._doing = source, patience_s, doing
        self._permits = threading.Semaphore(depth)
        self._made: SimpleQueue[tuple[str, Item | BaseException | None]] = SimpleQueue()
        self._ended = self._stuck = False
        self._leave = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"laketrain-feed-{name}", daemon=True)
        self._thread.start()

    def __next__(self) -> Item:
        if self._ended:
            raise StopIteration
        try:
            kind, value = self._made.get(timeout=self._patience)
        except Empty:
            self._ended = self._stuck = True
            raise DataError("feed", self._doing(), f"has given nothing for {self._patience:g} s",
                            "look whether the storage answers; the next try begins at the last checkpoint") from None
        if kind == "item":
            self._permits.release()
            return value  # type: ignore[return-value]
        self._ended = True
        if isinstance(value, BaseException):
            raise value
        raise StopIteration

    def close(self) -> None:
        """Ends the thread, after the item in the making. What is stuck is left behind."""
        self._ended = True
        self._leave.set()
        self._permits.release()
        if not self._stuck and threading.current_thread() is not self._thread:
            self._thread.join()

    def __enter__(self) -> Ahead[Item]:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        self.close()

    def _run(self) -> None:
        try:
            while True:
                self._permits.acquire()
                if self._leave.is_set():
                    return
                self._made.put(("item", next(self._source)))
        except StopIteration:
            self._made.put(("end", None))
        except BaseException as error:  # whatever it is, the consumer shall have it
            self._made.put(("error", error))
        finally:
            self._source.close()
