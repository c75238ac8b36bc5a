"""Leases keep two jobs from doing the same work at the same time. They save work; correctness doesn't depend on them.

    with lease(lake, "features/mnist", key, on_wait=print):
        ...                                     # one job at a time, among those with the same name and key

A holder creates the next numbered file, its heartbeat, every few seconds, and waiting jobs watch for it. Clocks of
different machines are never compared: a waiting job measures with its own clock how long no heartbeat came. A dead
holder on the same machine is detected at once.
"""

from __future__ import annotations

import json
import os
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from laketrain.lake.draft import whoami
from laketrain.lake.lake import Lake
from laketrain.lake.stores import FileInfo

LEASES = "_leases"
PATIENCE_S = 60.0
"""Seconds without a heartbeat after which a holder counts as dead."""
_BEATS_PER_PATIENCE = 4
_POLL_S = 0.5
_NAME = re.compile(r"[0-9]{20}\.json")


@contextmanager
def lease(lake: Lake, name: str, key: str, on_wait: Callable[[str], None] | None = None,
          patience: float = PATIENCE_S) -> Iterator[None]:
    """Acquires the lease of work `key` on `name`, and releases it in the end.

    Args:
        on_wait: called once with a message naming the holder, if another job holds the lease.
        patience: seconds without a heartbeat of the holder after which its lease is taken over.
    """
    path = f"{LEASES}/{name}/{key}"
    held = _HeldLease(lake, path, _acquire(lake, path, on_wait, patience))
    ended = threading.Event()
    heartbeat = threading.Thread(target=held.beat, args=(ended, patience / _BEATS_PER_PATIENCE),
                                 name="laketrain-lease", daemon=True)
    heartbeat.start()
    try:
        yield
    finally:
        ended.set()
        heartbeat.join()
        held.release()


def stale_heartbeats(lake: Lake, before: float) -> list[FileInfo]:
    """Heartbeats of killed holders: those not renewed since `before`, in seconds since 1970."""
    return [file for file in lake.store.list(LEASES, recursive=True) if file.mtime <= before]


@dataclass
class _HeldLease:
    """A lease that this job holds, with the number of its last heartbeat."""

    lake: Lake
    path: str
    number: int

    def beat(self, ended: threading.Event, every: float) -> None:
        """Sends heartbeats until `ended` is set, or until another job takes over after a long pause of this one."""
        while not ended.wait(every):
            # An outage of the storage must not end the work.
            with suppress(Exception):
                if not _create(self.lake, self.path, self.number + 1):
                    return
                self.number += 1
                self.lake.store.delete(_file(self.path, self.number - 1))

    def release(self) -> None:
        with suppress(Exception):
            self.lake.store.delete(_file(self.path, self.number))
            # Not if another job holds the lease by now and its heartbeat is there.
            self.lake.store.delete_empty(self.path)


def _acquire(lake: Lake, path: str, on_wait: Callable[[str], None] | None, patience: float) -> int:
    """Waits until the lease is free or its holder dead, acquires it, and returns the number of its heartbeat."""
    seen, since, reported = 0, time.monotonic(), False
    while True:
        number, holder = _latest(lake, path)
        if number == 0 or _is_dead(holder) or (number == seen and time.monotonic() - since > patience):
            if _create(lake, path, number + 1):
                if number:
                    lake.store.delete(_file(path, number))
                return number + 1
        elif not reported and on_wait is not None:
            on_wait(f"{holder.get('by', 'another job')} (process {holder.get('pid', '?')}) is already doing this work: "
                    "waiting for it")
            reported = True
        if number != seen:
            seen, since = number, time.monotonic()
        time.sleep(_POLL_S)


def _latest(lake: Lake, path: str) -> tuple[int, dict[str, Any]]:
    """The number of the newest heartbeat, 0 for none, and its content, which describes the holder."""
    names = [file.path.rsplit("/", 1)[1] for file in lake.store.list(path)]
    number = max((int(name[:20]) for name in names if _NAME.fullmatch(name)), default=0)
    if number:
        with suppress(FileNotFoundError, ValueError):
            holder = json.loads(lake.store.read(_file(path, number)))
            return number, holder if isinstance(holder, dict) else {}
    return number, {}


def _create(lake: Lake, path: str, number: int) -> bool:
    """Whether this job created the heartbeat of that number. Of several jobs that try, one succeeds."""
    holder = {"by": whoami(), "pid": os.getpid(), "born": _start_time(os.getpid()), "machine": _machine()}
    try:
        lake.store.create(_file(path, number), json.dumps(holder).encode())
    except FileExistsError:
        return False
    return True


def _file(path: str, number: int) -> str:
    return f"{path}/{number:020d}.json"


def _is_dead(holder: dict[str, Any]) -> bool:
    """Whether the holder was a process of this machine that has ended."""
    machine = _machine()
    return bool(machine) and holder.get("machine") == machine and _start_time(holder.get("pid")) != holder.get("born")


def _machine() -> str:
    """Identifies this machine's current boot and process namespace; empty where that is unknown."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
        return f"{socket.gethostname()} {boot} {os.readlink('/proc/self/ns/pid')}"
    except OSError:
        return ""


def _start_time(pid: Any) -> str:
    """When the process started, in ticks since boot; empty where there is none. It distinguishes processes that reuse a
    pid."""
    try:
        stat = Path(f"/proc/{int(pid)}/stat").read_text("utf-8", errors="replace")
    except (OSError, TypeError, ValueError):
        return ""
    after_name = stat.rpartition(")")[2].split()
    return "" if after_name[0] == "Z" else after_name[19]
