"""The driver's book of a launch: what each rank last said, who failed first, and whom a silence is due to.

    book = RankBook(ranks=2)
    book.hear({"kind": "hello", "rank": 0, "host": "a", "process": "…"})      # from the rendezvous server's threads
    book.next_event(timeout=0.2)  ->  (0, {"step": 10, "loss": 0.3}) or None   # in the driver's own thread

Pure bookkeeping: no network, no Spark. Times are the driver's, so clocks of hosts need not agree.
"""

from __future__ import annotations

import queue
import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

LOG_LINES = 40
LINE_CHARS = 500
WAIT_SECONDS = 1.0
START_SECONDS = 180.0
HEART_SECONDS = 10.0

_STALLED = re.compile(r"^(\d+)!?: \[")


@dataclass
class RankPage:
    """All that is known of one rank."""

    rank: int
    host: str | None = None
    process: str | None = None
    executor: str | None = None
    sequence: int = 0
    heard: float = 0.0
    progress: int = 0
    progressed: float = 0.0
    last: dict[str, Any] = field(default_factory=dict)
    stack: list[str] = field(default_factory=list)
    log: list[str] = field(default_factory=list)
    finished: bool = False
    failed: float | None = None
    failure: dict[str, Any] = field(default_factory=dict)
    gone: float | None = None

    @property
    def over(self) -> bool:
        """Whether nothing more is expected of it."""
        return self.finished or self.failed is not None or self.gone is not None

    def patience(self, deadline: float) -> float:
        """Seconds that it may go without progress: more until it has begun its task."""
        return deadline if self.progress else max(deadline, START_SECONDS)

    @property
    def where(self) -> str:
        """`epoch 2, step 120` as the rank last reported, or nothing."""
        return ", ".join(f"{name} {self.last[name]}" for name in ("epoch", "step") if name in self.last)


class RankBook:
    """The pages of all ranks, written by the server's threads and read by the driver's.

    Args:
        ranks: how many there are.
        clock: seconds, monotonic.
    """

    def __init__(self, ranks: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.pages = [RankPage(rank) for rank in range(ranks)]
        self._clock = clock
        self._changed = threading.Condition()
        self._events: queue.SimpleQueue[tuple[int, dict[str, Any]] | None] = queue.SimpleQueue()
        self._closed = False

    # What ranks say.

    def hear(self, message: dict[str, Any]) -> dict[str, Any]:
        """Note a rank's message and answer it. Malformed ones raise KeyError, TypeError or ValueError."""
        rank = message["rank"]
        if type(rank) is not int or not 0 <= rank < len(self.pages):
            raise ValueError("no such rank")
        hearers = {"hello": self._hello, "beat": self._beat, "finish": self._finish, "fail": self._fail,
                   "log": self._log}
        with self._changed:
            page = self.pages[rank]
            page.heard = self._clock()
            return hearers[message["kind"]](page, message)

    def _hello(self, page: RankPage, message: dict[str, Any]) -> dict[str, Any]:
        process = _text(message["process"])
        if page.process is None:
            page.host, page.executor = _text(message["host"]), _text(message["executor"])
            page.process = process
            self._progress(page)
        elif page.process != process:
            return {"state": "refused"}
        self._wait_for(lambda: all(other.process is not None for other in self.pages))
        if self._closed or any(other.failed is not None for other in self.pages):
            return {"state": "failed"}
        if any(other.process is None for other in self.pages):
            return {"state": "waiting"}
        return {"state": "ready", "hosts": [other.host for other in self.pages],
                "executors": [other.executor for other in self.pages]}

    def _beat(self, page: RankPage, message: dict[str, Any]) -> dict[str, Any]:
        sequence, progress, events = message["sequence"], message["progress"], message["events"]
        if type(sequence) is not int or type(progress) is not int or not isinstance(events, list):
            raise ValueError("a beat is malformed")
        if not all(isinstance(event, dict) for event in events):
            raise ValueError("an event is no object")
        page.stack = _lines(message.get("stack", []))
        if sequence > page.sequence:  # a rank that got no answer sends the same again
            page.sequence = sequence
            for event in events:
                page.last.update({name: event[name] for name in ("epoch", "step") if name in event})
                self._events.put((page.rank, event))
            if progress > page.progress:
                page.progress = progress
                self._progress(page)
        return {"state": "failed" if self._closed else "ready"}

    def _finish(self, page: RankPage, message: dict[str, Any]) -> dict[str, Any]:
        page.finished = True
        self._changed.notify_all()
        self._wait_for(lambda: all(other.finished for other in self.pages))
        if all(other.finished for other in self.pages):
            return {"state": "ready"}
        return {"state": "failed" if self._closed or self.first_failure() else "waiting"}

    def _fail(self, page: RankPage, message: dict[str, Any]) -> dict[str, Any]:
        failure = message["failure"]
        if not isinstance(failure, dict):
            raise ValueError("a failure is no object")
        if page.failed is None:
            page.failed, page.failure = self._clock(), failure
            self._wake()
        return {"state": "failed"}

    def _log(self, page: RankPage, message: dict[str, Any]) -> dict[str, Any]:
        page.log = _lines(message["lines"])
        if message.get("gone") is True and page.gone is None:
            page.gone = self._clock()
            self._wake()
        return {"state": "ready"}

    def _progress(self, page: RankPage) -> None:
        page.progressed = self._clock()
        self._changed.notify_all()

    def _wait_for(self, happened: Callable[[], bool]) -> None:
        """Hold the answer a little, so that ranks need not ask often and hear soon."""
        self._changed.wait_for(lambda: self._closed or self.first_failure() is not None or happened(), WAIT_SECONDS)

    def _wake(self) -> None:
        self._changed.notify_all()
        self._events.put(None)

    # What the driver asks.

    def wake(self) -> None:
        """Let `next_event` return at once: something else has happened."""
        self._events.put(None)

    def close(self) -> None:
        """Tell all who ask from now on that the launch is over."""
        with self._changed:
            self._closed = True
            self._wake()

    def next_event(self, timeout: float) -> tuple[int, dict[str, Any]] | None:
        """The next event of any rank, in the order of arrival, a rank's own in the order it sent them."""
        try:
            return self._events.get(timeout=timeout)
        except queue.Empty:
            return None

    def drain(self) -> list[tuple[int, dict[str, Any]]]:
        """The events that have arrived and were not asked for yet."""
        events = []
        while not self._events.empty():
            event = self._events.get()
            if event is not None:
                events.append(event)
        return events

    def first_failure(self) -> RankPage | None:
        """The rank that failed first by itself; failing that, one that ended without a word; failing that, one that
        only felt another's end.
        """
        own = [page for page in self.pages if page.failed is not None and not page.failure.get("collateral")]
        if own:
            return min(own, key=lambda page: page.failed or 0.0)
        gone = [page for page in self.pages if page.gone is not None and page.failed is None and not page.finished]
        if gone:
            return min(gone, key=lambda page: page.gone or 0.0)
        felt = [page for page in self.pages if page.failed is not None]
        return min(felt, key=lambda page: page.failed or 0.0) if felt else None

    def overdue(self, deadline: float) -> RankPage | None:
        """The rank to blame once some rank has made no progress for `deadline` seconds, else None.

        A rank that has not begun its task yet, and may be importing TensorFlow, has START_SECONDS at least. All ranks
        of a synchronous step stop together, so the one to blame is, in this order: one that never came, one whose
        heartbeat has stopped, one that Horovod says the others wait for, the one that came least far, one that stands
        outside TensorFlow (the others stand in a collective), the lowest.
        """
        with self._changed:
            now = self._clock()
            joined = [page.progressed for page in self.pages if page.process is not None]
            active = [page for page in self.pages if not page.over]
            if not joined or not any(now - (page.progressed or min(joined)) > page.patience(deadline)
                                     for page in active):
                return None
            missing = self._missing_in_collectives()
            return min(active, key=lambda page: (
                page.process is not None,
                now - page.heard < min(HEART_SECONDS, deadline / 2),
                page.rank not in missing,
                page.progress,
                any("tensorflow" in line for line in page.stack),
                page.rank,
            ))

    def _missing_in_collectives(self) -> set[int]:
        """The ranks that Horovod's own watch, which only the chief prints, last named as missing."""
        missing: set[int] = set()
        listing = False
        for line in self.pages[0].log:
            match = _STALLED.match(line)
            if line.endswith("Missing ranks:"):
                missing, listing = set(), True
            elif listing and match:
                missing.add(int(match[1]))
            else:
                listing = False
        return missing


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("text was expected")
    return value[:LINE_CHARS]


def _lines(value: Any) -> list[str]:
    if not isinstance(value, list):
        raise TypeError("lines were expected")
    return [_text(line) for line in value[-LOG_LINES:]]
