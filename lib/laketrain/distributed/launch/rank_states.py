"""The driver's record of each rank of a launch: its progress, its last lines, and which rank failed or hangs.

    registry = RankRegistry(ranks=2)
    registry.handle({"kind": "join", "rank": 0, "host": "a", "process": "…"})    # in the rendezvous server's threads
    registry.next_event(timeout=0.2)  ->  (0, {"step": 10, "loss": 0.3}) or None   # in the driver's thread

Uses neither network nor Spark. Times are the driver's, so the clocks of hosts need not agree.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from laketrain.distributed.backend import AUTO, BACKENDS, Backend, Offers, backend_for, choose_backend
from laketrain.events import Event, event_from_dict

LOG_LINES = 40
LINE_CHARS = 500
WAIT_SECONDS = 1.0
"""The longest delay of a response to a rank that waits for others."""
START_SECONDS = 180.0
"""The shortest deadline of a rank before its first progress: it imports TensorFlow and connects to the others."""
HEARTBEAT_TIMEOUT_SECONDS = 10.0
"""When a rank is overdue, one without a message for so long is blamed first. Silence alone ends no launch."""

RankEvent = tuple[int, Event | dict[str, Any]]


@dataclass
class RankState:
    """What the driver knows of one rank.

    Attributes:
        process: identifies the process, None until the rank has joined. executor: that of the process.
        offers: the backends that the rank has.
        sequence: of the last heartbeat. heard_at: when the last message came.
        progress: how many times the rank has reported. progressed_at: when that number last grew.
        position: the `epoch` and `step` that it last reported. stack: innermost call first, if the rank is quiet.
        log: the last lines that it printed.
        failed_at, failure: when the rank reported an error, and the error. exited_at: when its process ended.
    """

    rank: int
    host: str | None = None
    process: str | None = None
    executor: str | None = None
    offers: Offers = field(default_factory=dict)
    sequence: int = 0
    heard_at: float = 0.0
    progress: int = 0
    progressed_at: float = 0.0
    position: dict[str, Any] = field(default_factory=dict)
    stack: list[str] = field(default_factory=list)
    log: list[str] = field(default_factory=list)
    finished: bool = False
    failed_at: float | None = None
    failure: dict[str, Any] = field(default_factory=dict)
    exited_at: float | None = None

    @property
    def is_done(self) -> bool:
        """Whether the rank has finished, failed or exited."""
        return self.finished or self.failed_at is not None or self.exited_at is not None

    @property
    def failed_itself(self) -> bool:
        """Whether the rank reported an error that isn't the effect of another rank's failure."""
        return self.failed_at is not None and not self.failure.get("peer_failure")

    @property
    def died(self) -> bool:
        """Whether the process ended without a result or an error."""
        return self.exited_at is not None and self.failed_at is None and not self.finished

    def timeout(self, deadline: float) -> float:
        """Seconds that the rank may go without progress: more before its task has started."""
        return deadline if self.progress else max(deadline, START_SECONDS)

    @property
    def where(self) -> str:
        """`epoch 2, step 120`, as the rank last reported; else empty."""
        return ", ".join(f"{name} {self.position[name]}" for name in ("epoch", "step") if name in self.position)


class RankRegistry:
    """The states of all ranks, written by the server's threads and read by the driver's.

    Args:
        ranks: how many there are.
        backend: the requested one, or `auto`.
        clock: seconds, monotonic.
    """

    def __init__(self, ranks: int, backend: str = AUTO, clock: Callable[[], float] = time.monotonic) -> None:
        self.states = [RankState(rank) for rank in range(ranks)]
        self._requested_backend = backend
        self._clock = clock
        self._changed = threading.Condition()
        self._events: queue.SimpleQueue[RankEvent | None] = queue.SimpleQueue()
        self._closed = False

    @property
    def backend(self) -> Backend:
        """The backend of the launch. Before all ranks have joined, the one that they would use."""
        return backend_for(len(self.states), self._backend_name())

    def _backend_name(self) -> str:
        return choose_backend(self._requested_backend, [state.offers for state in self.states])

    # Messages of ranks.

    def handle(self, message: dict[str, Any]) -> dict[str, Any]:
        """Record a rank's message; the response. Malformed ones raise KeyError, TypeError or ValueError."""
        rank = message["rank"]
        if type(rank) is not int or not 0 <= rank < len(self.states):
            raise ValueError(f"rank {rank!r} does not exist")
        handlers = {"join": self._join, "heartbeat": self._heartbeat, "finish": self._finish, "fail": self._fail,
                    "log": self._log}
        with self._changed:
            state = self.states[rank]
            state.heard_at = self._clock()
            return handlers[message["kind"]](state, message)

    def _join(self, state: RankState, message: dict[str, Any]) -> dict[str, Any]:
        process = _text(message["process"])
        if state.process is None:
            state.host, state.executor = _text(message["host"]), _text(message["executor"])
            state.offers = _offers(message["offers"])
            state.process = process
            self._note_progress(state)
        elif state.process != process:
            return {"state": "refused"}
        self._wait_for(lambda: all(other.process is not None for other in self.states))
        if self._closed or any(other.failed_at is not None for other in self.states):
            return {"state": "failed"}
        if any(other.process is None for other in self.states):
            return {"state": "waiting"}
        return {"state": "ready", "hosts": [other.host for other in self.states],
                "executors": [other.executor for other in self.states],
                "backend": self._backend_name(), "offers": [dict(other.offers) for other in self.states]}

    def _heartbeat(self, state: RankState, message: dict[str, Any]) -> dict[str, Any]:
        sequence, progress, events = message["sequence"], message["progress"], message["events"]
        if type(sequence) is not int or type(progress) is not int or not isinstance(events, list):
            raise ValueError("a heartbeat is malformed")
        if not all(isinstance(event, dict) for event in events):
            raise ValueError("an event is not an object")
        decoded = [event_from_dict(event) for event in events]
        state.stack = _lines(message.get("stack", []))
        if sequence > state.sequence:  # a rank that got no response sends the same again
            state.sequence = sequence
            for values, event in zip(events, decoded, strict=True):
                state.position.update({name: values[name] for name in ("epoch", "step") if name in values})
                self._events.put((state.rank, event))
            if progress > state.progress:
                state.progress = progress
                self._note_progress(state)
        return {"state": "failed" if self._closed else "ready"}

    def _finish(self, state: RankState, message: dict[str, Any]) -> dict[str, Any]:
        state.finished = True
        self._changed.notify_all()
        self._wait_for(lambda: all(other.finished for other in self.states))
        if all(other.finished for other in self.states):
            return {"state": "ready"}
        return {"state": "failed" if self._closed or self.first_failure() else "waiting"}

    def _fail(self, state: RankState, message: dict[str, Any]) -> dict[str, Any]:
        failure = message["failure"]
        if not isinstance(failure, dict):
            raise ValueError("a failure is not an object")
        if state.failed_at is None:
            state.failed_at, state.failure = self._clock(), failure
            self._notify()
        return {"state": "failed"}

    def _log(self, state: RankState, message: dict[str, Any]) -> dict[str, Any]:
        state.log = _lines(message["lines"])
        if message.get("exited") is True and state.exited_at is None:
            state.exited_at = self._clock()
            self._notify()
        return {"state": "ready"}

    def _note_progress(self, state: RankState) -> None:
        state.progressed_at = self._clock()
        self._changed.notify_all()

    def _wait_for(self, condition: Callable[[], bool]) -> None:
        """Delay the response by up to WAIT_SECONDS, so that ranks need not poll often."""
        self._changed.wait_for(lambda: self._closed or self.first_failure() is not None or condition(), WAIT_SECONDS)

    def _notify(self) -> None:
        self._changed.notify_all()
        self.wake()

    # The driver's side.

    def wake(self) -> None:
        """Make `next_event` return at once, since something else has happened."""
        self._events.put(None)

    def close(self) -> None:
        """End the launch: ranks that ask from now on get `failed`."""
        with self._changed:
            self._closed = True
            self._notify()

    def next_event(self, timeout: float) -> RankEvent | None:
        """The next event of any rank, in order of arrival; the events of one rank are in the order it sent them."""
        try:
            return self._events.get(timeout=timeout)
        except queue.Empty:
            return None

    def drain(self) -> list[RankEvent]:
        """The events that have arrived and that `next_event` has not returned."""
        events = []
        while not self._events.empty():
            event = self._events.get()
            if event is not None:
                events.append(event)
        return events

    def first_failure(self) -> RankState | None:
        """The first rank that raised an error of its own; else the first that died; else the first that failed because
        another rank did.
        """
        failed = [state for state in self.states if state.failed_itself]
        if failed:
            return min(failed, key=lambda state: state.failed_at or 0.0)
        died = [state for state in self.states if state.died]
        if died:
            return min(died, key=lambda state: state.exited_at or 0.0)
        failed = [state for state in self.states if state.failed_at is not None]
        return min(failed, key=lambda state: state.failed_at or 0.0) if failed else None

    def overdue(self, deadline: float) -> RankState | None:
        """The rank to blame once some rank has made no progress for `deadline` seconds, else None.

        Before its task has started, a rank may import TensorFlow and has START_SECONDS at least. All ranks of a
        synchronous step stop together, so blame goes to, in this order: a rank that never joined, one without
        heartbeat, one that rank 0 reports as missing, one with the least progress, one that is outside TensorFlow
        (the others are in a collective), the lowest.
        """
        with self._changed:
            now = self._clock()
            joined = [state.progressed_at for state in self.states if state.process is not None]
            active = [state for state in self.states if not state.is_done]
            if not joined or not any(now - (state.progressed_at or min(joined)) > state.timeout(deadline)
                                     for state in active):
                return None
            # Of Horovod's ranks, only rank 0 prints warnings about missing ranks.
            missing = self.backend.missing_ranks(self.states[0].log)
            return min(active, key=lambda state: (
                state.process is not None,
                now - state.heard_at < min(HEARTBEAT_TIMEOUT_SECONDS, deadline / 2),
                state.rank not in missing,
                state.progress,
                any("tensorflow" in line for line in state.stack),
                state.rank,
            ))


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"got {type(value).__name__}, expected text")
    return value[:LINE_CHARS]


def _offers(value: Any) -> Offers:
    if not isinstance(value, dict):
        raise TypeError(f"got {type(value).__name__}, expected the offers of backends")
    return {name: _text(value[name]) for name in BACKENDS if name in value}


def _lines(value: Any) -> list[str]:
    if not isinstance(value, list):
        raise TypeError(f"got {type(value).__name__}, expected a list of lines")
    return [_text(line) for line in value[-LOG_LINES:]]
