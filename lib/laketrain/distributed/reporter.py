"""A rank's line to the driver: events in order, a heartbeat every second, and questions with an answer.

    with Reporter(ticket, rank) as report:
        report({"step": 10, "loss": 0.3})    # returns at once; sent in the background
        report({})                           # nothing to tell, but alive and getting on

Every call of `report` is progress; a rank without any for the launch's deadline is taken to hang.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import sys
import threading
import time
import traceback
from collections import deque
from dataclasses import dataclass
from types import TracebackType
from typing import Any

from laketrain.distributed.plain import to_json

BEAT_SECONDS = 1.0
REACH_SECONDS = 30.0
ORPHAN_SECONDS = 60.0
FLUSH_SECONDS = 10.0
QUIET_SECONDS = 3.0
MAX_EVENT_BYTES = 64 << 10
MAX_POST_BYTES = 512 << 10
MAX_WAITING_EVENTS = 10_000


class Unreachable(Exception):
    """The driver's rendezvous server can't be reached, or refuses us."""


@dataclass(frozen=True)
class Ticket:
    """What a rank needs to join a launch. `cores`: those of its executor, None where only a rank can count. `logged`:
    whether the rank prints what it reports, since its log is not the driver's."""

    name: str
    ranks: int
    host: str
    port: int
    token: str
    deadline: float
    threads: int | None
    cores: int | None
    logged: bool = False


class Link:
    """JSON questions to the driver, over one connection that is made again when it breaks."""

    def __init__(self, ticket: Ticket) -> None:
        self._ticket = ticket
        self._connection: http.client.HTTPConnection | None = None

    def ask(self, message: dict[str, Any], patience: float = REACH_SECONDS) -> dict[str, Any]:
        """The driver's answer.

        Raises:
            Unreachable: no answer for `patience` seconds, or a refusal.
        """
        body = to_json(message).encode()
        end = time.monotonic() + patience
        while True:
            try:
                return self._once(body)
            except (OSError, http.client.HTTPException) as error:
                self.close()
                if time.monotonic() > end:
                    where = f"{self._ticket.host}:{self._ticket.port}"
                    raise Unreachable(f"no answer from the driver at {where} for {patience:.0f} s ({error})") from error
                time.sleep(min(0.2, patience))

    def _once(self, body: bytes) -> dict[str, Any]:
        if self._connection is None:
            self._connection = http.client.HTTPConnection(self._ticket.host, self._ticket.port, timeout=10)
        headers = {"Authorization": f"Bearer {self._ticket.token}", "Content-Type": "application/json"}
        self._connection.request("POST", "/events", body, headers)
        response = self._connection.getresponse()
        answer = response.read()
        if response.status != 200:
            raise Unreachable(f"the driver refused a message with status {response.status}")
        decoded: dict[str, Any] = json.loads(answer)
        return decoded

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


class Reporter:
    """Callable: `report(event)`. Sends in a thread of its own, so that training never waits for the network.

    A rank whose driver has been away for ORPHAN_SECONDS ends itself: nobody would hear of its work.
    """

    def __init__(self, ticket: Ticket, rank: int) -> None:
        self._link = Link(ticket)
        self._rank = rank
        self._logged = f"{ticket.name}: rank {rank} of {ticket.ranks}" if ticket.logged else ""
        self._quiet_after = min(QUIET_SECONDS, ticket.deadline / 4)
        self._thread_watched = threading.get_ident()
        self._events: deque[str] = deque()
        self._progress = 0
        self._progressed = time.monotonic()
        self._wake = threading.Condition()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="laketrain-report", daemon=True)

    def __call__(self, event: dict[str, Any]) -> None:
        """Note progress and, unless the event is empty, send it. `epoch` and `step` in it are named in errors.

        Raises:
            TypeError: not a dictionary of JSON values.
            ValueError: longer than 64 KiB as JSON: results belong in the lake.
        """
        if not isinstance(event, dict):
            raise TypeError(f"report takes a dictionary, received {type(event).__name__}")
        text = to_json(event)
        if len(text) > MAX_EVENT_BYTES:
            raise ValueError(f"report takes events of up to {MAX_EVENT_BYTES} bytes of JSON, received {len(text)}")
        if self._logged and event:
            print(f"{self._logged}: {_said(event)}", flush=True)
        with self._wake:
            self._progress += 1
            self._progressed = time.monotonic()
            if event:
                self._wake.wait_for(lambda: len(self._events) < MAX_WAITING_EVENTS or self._stopping, FLUSH_SECONDS)
                self._events.append(text)
                self._wake.notify_all()

    def __enter__(self) -> Reporter:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        self.flush()

    def flush(self) -> None:
        """Send what waits and stop. Returns when the driver has it, or can't be reached any more."""
        with self._wake:
            self._stopping = True
            self._wake.notify_all()
        if self._thread.is_alive():
            self._thread.join(2 * FLUSH_SECONDS)

    def _run(self) -> None:
        sequence = 0
        with contextlib.closing(self._link):
            while True:
                with self._wake:
                    if not self._events and not self._stopping:
                        self._wake.wait(BEAT_SECONDS)
                    events, progress = self._take(), self._progress
                    last = self._stopping and not self._events
                    self._wake.notify_all()
                sequence += 1
                sent = self._send({"kind": "beat", "rank": self._rank, "sequence": sequence, "progress": progress,
                                   "events": [json.loads(event) for event in events], "stack": self._stack()})
                if last or not sent:
                    return

    def _take(self) -> list[str]:
        taken, size = [], 0
        while self._events and size < MAX_POST_BYTES:
            taken.append(self._events.popleft())
            size += len(taken[-1])
        return taken

    def _send(self, message: dict[str, Any]) -> bool:
        """Send until it arrives. False if the driver is away as we stop; if it stays away, this process ends."""
        since = time.monotonic()
        while True:
            try:
                self._link.ask(message, patience=0)
                return True
            except Unreachable:
                waited = time.monotonic() - since
                if self._stopping and waited > FLUSH_SECONDS:
                    return False
                if waited > ORPHAN_SECONDS:
                    os.kill(os.getpid(), signal.SIGKILL)
                time.sleep(BEAT_SECONDS / 4)

    def _stack(self) -> list[str]:
        """Where the rank stands, innermost call first, once it has been quiet for a while."""
        if time.monotonic() - self._progressed < self._quiet_after:
            return []
        frame = sys._current_frames().get(self._thread_watched)
        if frame is None:
            return []
        frames = traceback.extract_stack(frame)[-6:][::-1]
        return [f"{line.filename}:{line.lineno} in {line.name}: {line.line or ''}".rstrip(": ") for line in frames]


def _said(event: dict[str, Any]) -> str:
    """An event as a line of a log: `epoch 2 of 5, step 7 of 60, loss 0.31`, or what it says in words."""
    if "text" in event:
        return str(event["text"])
    told = [f"{name} {event[name]}" + (f" of {event[f'{name}s']}" if f"{name}s" in event else "")
            for name in ("epoch", "step") if name in event]
    told += [f"{name} {value:.4g}" if isinstance(value, float) else f"{name} {value}" for name, value in event.items()
             if name not in ("kind", "epoch", "epochs", "step", "steps")]
    return ", ".join(told)
