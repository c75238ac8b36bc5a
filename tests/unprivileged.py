"""Acts as a user without privileges, since tests often run as root, which may do everything.

    with unprivileged():
        store.list("log")
"""

from __future__ import annotations

import ctypes
import os
import platform
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

NOBODY = 65534
_SETRESUID = {"x86_64": 117, "aarch64": 147}


@contextmanager
def unprivileged() -> Iterator[None]:
    """Switches this thread, and those that it starts, to the user `nobody` if it runs as root."""
    root = os.geteuid() == 0
    if root:
        _set_effective_user(NOBODY)
    try:
        yield
    finally:
        if root:
            _set_effective_user(0)


def _set_effective_user(user: int) -> None:
    """By the system call, since os.seteuid would also switch the threads of servers and of the JVM in this process."""
    unchanged = ctypes.c_int(-1)
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.syscall(ctypes.c_long(_SETRESUID[platform.machine()]), unchanged, ctypes.c_int(user), unchanged) != 0:
        raise OSError(ctypes.get_errno(), "setresuid")


@contextmanager
def public_folder() -> Iterator[Path]:
    """A folder that every user can read and write; pytest's folders are private."""
    with tempfile.TemporaryDirectory() as name:
        path = Path(name)
        path.chmod(0o777)
        yield path
