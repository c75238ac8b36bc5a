"""A rank's connection to the driver: events in order, a heartbeat every second, and requests with a response.

    with Reporter(spec, rank) as report:
        report({"step": 10, "loss": 0.3})    # returns at once; sent in the background
        report({})                           # no event, only progress

Each call of `report` is progress. A rank without progress for the launch's deadline is considered hung.
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

from laketrain.distributed.collectives.serialization import to_json
from laketrain.events import Event, event_from_dict, event_to_dict

HEARTBEAT_SECONDS = 1.0
CONNECT_SECONDS = 30.0
ORPHAN_SECONDS = 60.0
FLUSH_SECONDS = 10.0
QUIET_SECONDS = 3.0
MAX_EVENT_BYTES = 64 << 10
MAX_POST_BYTES = 512 << 10
MAX_QUEUED_EVENTS = 10_000


class DriverUnreachable(Exception):
    """The driver's rendezvous server doesn't respond, or refuses this rank."""


@dataclass(frozen=True)
class LaunchSpec:
    """What a rank needs to join a launch.

    Attributes:
        name: of the stage, for errors. ranks: how many there are.
        host: the driver's rendezvous server, with its port and token.
        deadline: seconds that a rank may go without progress.
        threads: of TensorFlow and OpenMP per rank; None: an equal part of the cores.
        cores: of an executor; None: the rank counts its host's.
        log_events: whether ranks print what they report, since their log is not the driver's.
    """

    name: str
    ranks: int
    host: str
    port: int
    token: str
    deadline: float
    threads: int | None
    cores: int | None
    log_events: bool = False

    @property
    def collective_seconds(self) -> float:
        """How long a collective may wait for other ranks before it fails."""
        return max(30.0, self.deadline)

    @property
    def stall_seconds(self) -> float:
        """How long a collective may wait before a warning names the ranks that are missing."""
        return max(1.0, min(60.0, self.deadline / 3))


class DriverClient:
    """Sends JSON requests to the driver over one connection, which is opened again when it breaks."""

    def __init__(self, spec: LaunchSpec) -> None:
        self._spec = spec
        self._connection: http.client.HTTPConnection | None = None

    def request(self, message: dict[str, Any], timeout: float = CONNECT_SECONDS) -> dict[str, Any]:
        """The driver's response.

        Raises:
            DriverUnreachable: no response for `timeout` seconds, or a refusal.
        """
        body = to_json(message).encode()
        end = time.monotonic() + timeout
        while True:
            try:
                return self._post(body)
            except (OSError, http.client.HTTPException) as error:
                self.close()
                if time.monotonic() > end:
                    raise DriverUnreachable(f"no response from the driver at {self._spec.host}:{self._spec.port} for "
                                            f"{timeout:.0f} s ({error})") from error
                time.sleep(min(0.2, timeout))

    def _post(self, body: bytes) -> dict[str, Any]:
        if self._connection is None:
            self._connection = http.client.HTTPConnection(self._spec.host, self._spec.port, timeout=10)
        headers = {"Authorization": f"Bearer {self._spec.token}", "Content-Type": "application/json"}
        self._connection.request("POST", "/events", body, headers)
        response = self._connection.getresponse()
        text = response.read()
        if response.status != 200:
            raise DriverUnreachable(f"the driver refused a message with status {response.status}")
        decoded: dict[str, Any] = json.loads(text)
        return decoded

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


class Reporter:
    """Callable: `report(event)`. Sends in a thread of its own, so that training never waits for the network.

    If the driver is away for ORPHAN_SECONDS, the rank kills itself: nobody would receive its result.
    """

    def __init__(self, spec: LaunchSpec, rank: int) -> None:
        self._client = DriverClient(spec)
        self._rank = rank
        self._log_prefix = f"{spec.name}: rank {rank} of {spec.ranks}" if spec.log_events else ""
        self._quiet_after = min(QUIET_SECONDS, spec.deadline / 4)
        self._task_thread = threading.get_ident()
        self._events: deque[str] = deque()
        self._progress = 0
        self._progress_time = time.monotonic()
        self._changed = threading.Condition()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="laketrain-report", daemon=True)

    def __call__(self, event: Event | dict[str, Any]) -> None:
        """Count progress and, unless the event is an empty dictionary, send it. Errors name its `epoch` and `step`.

        Raises:
            TypeError: neither an event nor a dictionary of JSON values.
            ValueError: longer than 64 KiB as JSON: results belong in the lake.
        """
        values = _as_dict(event)
        text = to_json(values)
        if len(text) > MAX_EVENT_BYTES:
            raise ValueError(f"report takes events of up to {MAX_EVENT_BYTES} bytes of JSON, received {len(text)}")
        if self._log_prefix and values:
            print(f"{self._log_prefix}: {_format(values)}", flush=True)
        with self._changed:
            self._progress += 1
            self._progress_time = time.monotonic()
            if values:
                self._changed.wait_for(lambda: len(self._events) < MAX_QUEUED_EVENTS or self._stopping, FLUSH_SECONDS)
                self._events.append(text)
                self._changed.notify_all()

    def __enter__(self) -> Reporter:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        self.flush()

    def flush(self) -> None:
        """Send the queued events and stop. Returns when the driver has them, or can't be reached any more."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        if self._thread.is_alive():
            self._thread.join(2 * FLUSH_SECONDS)

    def _run(self) -> None:
        sequence = 0
        with contextlib.closing(self._client):
            while True:
                with self._changed:
                    if not self._events and not self._stopping:
                        self._changed.wait(HEARTBEAT_SECONDS)
                    events, progress = self._next_batch(), self._progress
                    is_last = self._stopping and not self._events
                    self._changed.notify_all()
                sequence += 1
                sent = self._send({"kind": "heartbeat", "rank": self._rank, "sequence": sequence, "progress": progress,
                                   "events": [json.loads(event) for event in events], "stack": self._stack()})
                if is_last or not sent:
                    return

    def _next_batch(self) -> list[str]:
        """The next queued events, of at most MAX_POST_BYTES and one more."""
        batch, size = [], 0
        while self._events and size < MAX_POST_BYTES:
            batch.append(self._events.popleft())
            size += len(batch[-1])
        return batch

    def _send(self, message: dict[str, Any]) -> bool:
        """Send until it arrives. False if the driver is away while this stops; if it stays away, this process ends."""
        started = time.monotonic()
        while True:
            try:
                self._client.request(message, timeout=0)
                return True
            except DriverUnreachable:
                waited = time.monotonic() - started
                if self._stopping and waited > FLUSH_SECONDS:
                    return False
                if waited > ORPHAN_SECONDS:
                    os.kill(os.getpid(), signal.SIGKILL)
                time.sleep(HEARTBEAT_SECONDS / 4)

    def _stack(self) -> list[str]:
        """The task's stack, innermost call first, if it has not reported for a while."""
        if time.monotonic() - self._progress_time < self._quiet_after:
            return []
        frame = sys._current_frames().get(self._task_thread)
        if frame is None:
            return []
        frames = traceback.extract_stack(frame)[-6:][::-1]
        return [f"{line.filename}:{line.lineno} in {line.name}: {line.line or ''}".rstrip(": ") for line in frames]


def _as_dict(event: Event | dict[str, Any]) -> dict[str, Any]:
    if isinstance(event, Event):
        return event_to_dict(event)
    if not isinstance(event, dict):
        raise TypeError(f"report takes an event or a dictionary, received {type(event).__name__}")
    event_from_dict(event)  # refuses here, where the task can see it, what the driver could not read
    return event


def _format(values: dict[str, Any]) -> str:
    """An event as a line of a log: its text, or `epoch 2 of 5, step 7 of 60, loss 0.31`."""
    if "text" in values:
        return str(values["text"])
    values = {**values, **values.get("logs", {})}
    parts = [f"{name} {values[name]}" + (f" of {values[f'{name}s']}" if f"{name}s" in values else "")
             for name in ("epoch", "step") if name in values]
    parts += [f"{name} {value:.4g}" if isinstance(value, float) else f"{name} {value}"
              for name, value in values.items() if name not in ("kind", "epoch", "epochs", "step", "steps", "logs")]
    return ", ".join(parts)
