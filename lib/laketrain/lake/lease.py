"""A lease keeps two jobs from doing the same work at the same time. It saves work; results are right without it.

    with lease(lake, "features/mnist", key, wait=print):
        ...                                     # one job at a time, of those that ask for the same name and key

A holder shows that it lives by creating the next numbered file every few seconds; who waits watches whether that goes
on. No clock is compared with another machine's: what counts is how long nothing new came, by the waiting job's own
clock. A holder on this machine that is dead is known at once.
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
from laketrain.lake.store import FileInfo

LEASES = "_leases"
PATIENCE_S = 60.0
"""How long a holder may show nothing before it is taken for dead."""
_BEATS = 4
_LOOK_S = 0.5
_NAME = re.compile(r"[0-9]{20}\.json")


@contextmanager
def lease(lake: Lake, name: str, key: str, wait: Callable[[str], None] | None = None,
          patience: float = PATIENCE_S) -> Iterator[None]:
    """Holds the lease of work `key` on `name`, and gives it back in the end.

    Args:
        wait: told once, where another job holds it, by whom.
        patience: seconds without a sign of the holder after which it is taken over.
    """
    held = _Held(lake, f"{LEASES}/{name}/{key}", _take(lake, f"{LEASES}/{name}/{key}", wait, patience))
    ended = threading.Event()
    beat = threading.Thread(target=held.beat, args=(ended, patience / _BEATS), name="laketrain-lease", daemon=True)
    beat.start()
    try:
        yield
    finally:
        ended.set()
        beat.join()
        held.give_back()


def stale(lake: Lake, before: float) -> list[FileInfo]:
    """Signs of holders that were killed: not renewed since `before`, in seconds since 1970."""
    return [file for file in lake.store.list(LEASES, recursive=True) if file.mtime <= before]


@dataclass
class _Held:
    """A lease that this job holds, by the number of its last sign."""

    lake: Lake
    path: str
    number: int

    def beat(self, ended: threading.Event, every: float) -> None:
        """Shows signs until it has `ended`, or until another job took it over after a long pause of this one."""
        while not ended.wait(every):
            # Storage that is away for a while is no reason to end the work.
            with suppress(Exception):
                if not _create(self.lake, self.path, self.number + 1):
                    return
                self.number += 1
                self.lake.store.delete(_file(self.path, self.number - 1))

    def give_back(self) -> None:
        with suppress(Exception):
            self.lake.store.delete(_file(self.path, self.number))
            # Another job may hold the lease by now, and its sign lies there.
            self.lake.store.delete_empty(self.path)


def _take(lake: Lake, path: str, wait: Callable[[str], None] | None, patience: float) -> int:
    """Waits until the lease is free or its holder dead, takes it, and returns the number of its sign."""
    seen, since, told = 0, time.monotonic(), False
    while True:
        number, holder = _latest(lake, path)
        if number == 0 or _is_dead(holder) or (number == seen and time.monotonic() - since > patience):
            if _create(lake, path, number + 1):
                if number:
                    lake.store.delete(_file(path, number))
                return number + 1
        elif not told and wait is not None:
            wait(f"{holder.get('by', 'another job')} (process {holder.get('pid', '?')}) is at it already: "
                 "waiting for it")
            told = True
        if number != seen:
            seen, since = number, time.monotonic()
        time.sleep(_LOOK_S)


def _latest(lake: Lake, path: str) -> tuple[int, dict[str, Any]]:
    """The newest sign's number, 0 for none, and what its holder says of itself."""
    names = [file.path.rsplit("/", 1)[1] for file in lake.store.list(path)]
    number = max((int(name[:20]) for name in names if _NAME.fullmatch(name)), default=0)
    if number:
        with suppress(FileNotFoundError, ValueError):
            said = json.loads(lake.store.read(_file(path, number)))
            return number, said if isinstance(said, dict) else {}
    return number, {}


def _create(lake: Lake, path: str, number: int) -> bool:
    """Whether this job could make the sign of that number: of several that try, one."""
    said = {"by": whoami(), "pid": os.getpid(), "born": _born(os.getpid()), "machine": _machine()}
    try:
        lake.store.create(_file(path, number), json.dumps(said).encode())
    except FileExistsError:
        return False
    return True


def _file(path: str, number: int) -> str:
    return f"{path}/{number:020d}.json"


def _is_dead(holder: dict[str, Any]) -> bool:
    """Whether the holder ran on this machine and no longer does."""
    here = _machine()
    return bool(here) and holder.get("machine") == here and _born(holder.get("pid")) != holder.get("born")


def _machine() -> str:
    """This machine since it started, and its namespace of processes; empty where there is no telling."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
        return f"{socket.gethostname()} {boot} {os.readlink('/proc/self/ns/pid')}"
    except OSError:
        return ""


def _born(pid: Any) -> str:
    """When the process started, in ticks since the machine did; empty where there is none. A number alone is given out
    again."""
    try:
        stat = Path(f"/proc/{int(pid)}/stat").read_text("utf-8", errors="replace")
    except (OSError, TypeError, ValueError):
        return ""
    after_name = stat.rpartition(")")[2].split()
    return "" if after_name[0] == "Z" else after_name[19]
