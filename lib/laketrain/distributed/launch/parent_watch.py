"""No orphans: a rank's process ends when its parent process ends.

    with end_with_parent():
        train()

If Spark's Python daemon is the parent, Linux kills the rank when the daemon ends, even in the middle of a C++ call. For
other parents, and for the daemon's own parent (the executor), a thread checks every second.
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

CHECK_SECONDS = 1.0
_PR_SET_PDEATHSIG = 1


@contextmanager
def end_with_parent() -> Iterator[None]:
    """Kill this process, without clean-up, if its parent or grandparent ends inside the `with`."""
    parent = os.getppid()
    ancestors = parent, _parent_of(parent)
    if _is_spark_daemon(parent):
        _signal_at_parent_death()
    stop = threading.Event()
    thread = threading.Thread(target=_watch, args=(ancestors, stop), name="laketrain-parent-watch", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def _watch(ancestors: tuple[int, int | None], stop: threading.Event) -> None:
    parent, grandparent = ancestors
    while not stop.wait(CHECK_SECONDS):
        if os.getppid() != parent or (grandparent is not None and _parent_of(parent) != grandparent):
            os.kill(os.getpid(), signal.SIGKILL)


def _signal_at_parent_death() -> None:
    """Ask the kernel for SIGKILL at the parent's death. Only safe if the parent has one thread: the signal comes when
    the *thread* that created this process ends, and a JVM's threads come and go.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)


def _is_spark_daemon(pid: int) -> bool:
    try:
        return b"pyspark.daemon" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


def _parent_of(pid: int) -> int | None:
    """The parent's process id, or None where there is no /proc."""
    try:
        # The name in the second field may contain spaces and brackets; the fields after its last bracket are regular.
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except (OSError, ValueError, IndexError):
        return None
