"""No orphans: a rank's process ends when the process that made it does.

    with watched():
        train()

Where Spark's Python daemon is the parent, Linux itself kills the rank at the daemon's death, even in the middle of a
C++ call; everywhere else, and for the daemon's own parent (the executor), a thread looks every second.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

LOOK_SECONDS = 1.0
_PR_SET_PDEATHSIG = 1


@contextmanager
def watched() -> Iterator[None]:
    """End this process, at once and without clean-up, when its parent or grandparent ends within the `with`."""
    parent = os.getppid()
    ancestors = parent, _parent_of(parent)
    if _is_spark_daemon(parent):
        _die_with_parent()
    stop = threading.Event()
    thread = threading.Thread(target=_look, args=(ancestors, stop), name="laketrain-watch", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def _look(ancestors: tuple[int, int | None], stop: threading.Event) -> None:
    parent, grandparent = ancestors
    while not stop.wait(LOOK_SECONDS):
        if os.getppid() != parent or (grandparent is not None and _parent_of(parent) != grandparent):
            os.kill(os.getpid(), signal.SIGKILL)


def _die_with_parent() -> None:
    """Ask the kernel for SIGKILL at the parent's death. Only where the parent is one thread: the signal comes when the
    *thread* that made us ends, and a JVM's threads come and go.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)


def _is_spark_daemon(pid: int) -> bool:
    try:
        return b"pyspark.daemon" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


def _parent_of(pid: int) -> int | None:
    """The parent's process id, or None where there is no /proc to tell it."""
    try:
        # The name in the second field may hold spaces and brackets: what follows its last bracket is regular.
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except (OSError, ValueError, IndexError):
        return None
