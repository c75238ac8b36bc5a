"""A process of its own for a side, so that no Spark session, TensorFlow or warm cache of another one is in its way.

    with fresh(folder, "ours") as ours:
        ours(prepare, rows)          # each call runs in that same process
        ours(measure, rows)

What it writes to the terminal (Spark, TensorFlow, Horovod and Petastorm have much to say) goes to a file; an error's
trace comes back with the error, and the file's last lines where the process died. Its temporary files, which Spark's
workers have no time to remove when they are ended, go to the same folder.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import threading
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any, Protocol

_LAST_LINES = 30


class Side(Protocol):
    """Runs a function of a module, and gives what it returns; both ways by pickle."""

    def __call__(self, function: Any, *args: Any) -> Any: ...


@contextlib.contextmanager
def fresh(folder: Path, who: str) -> Iterator[Side]:
    """A process that has imported nothing yet, for as long as the `with` lasts.

    Raises:
        RuntimeError: it died, with the last lines that it wrote.
    """
    log = folder / f"{who}.log"

    def call(function: Any, *args: Any) -> Any:
        try:
            return pool.submit(function, *args).result()
        except BrokenProcessPool as error:
            lines = log.read_text(errors="replace").splitlines()[-_LAST_LINES:] if log.exists() else []
            raise RuntimeError("\n".join([f"the process of {who} died. It said last:", *lines])) from error

    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn"), _begin, (str(log),)) as pool:
        yield call


def _begin(log: str) -> None:
    os.environ["TMPDIR"] = os.path.dirname(log)
    written = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for descriptor in (1, 2):
        os.dup2(written, descriptor)
    os.close(written)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """A killed benchmark leaves nothing that runs."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)
