"""Acts as a user without privileges, since tests often run as root, which may do everything.

    with unprivileged():
        store.list("log")
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

NOBODY = 65534


@contextmanager
def unprivileged() -> Iterator[None]:
    """Switches to the user `nobody` if this process runs as root."""
    root = os.geteuid() == 0
    if root:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        if root:
            os.seteuid(0)


@contextmanager
def public_folder() -> Iterator[Path]:
    """A folder that every user can read and write; pytest's folders are private."""
    with tempfile.TemporaryDirectory() as name:
        path = Path(name)
        path.chmod(0o777)
        yield path
