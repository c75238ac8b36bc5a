"""A process of its own for a side, so that no Spark session, TensorFlow or warm cache of another side affects it.

    with fresh(folder, "ours") as ours:
        ours(prepare, rows)          # each call runs in that same process
        ours(measure, rows)

Its output (Spark, TensorFlow, Horovod and Petastorm log a lot) goes to a file. An error is raised with its traceback,
or with the last lines of that file if the process died. Its temporary files are in the same folder, since Spark's
workers have no time to remove them when they are ended.
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
    """Runs a function of a module in the process and returns its result; both are pickled."""

    def __call__(self, function: Any, *args: Any) -> Any: ...


@contextlib.contextmanager
def fresh(folder: Path, label: str) -> Iterator[Side]:
    """A process that has imported nothing yet; it ends with the `with` block.

    Raises:
        RuntimeError: it died, with the last lines that it wrote.
    """
    log = folder / f"{label}.log"

    def call(function: Any, *args: Any) -> Any:
        try:
            return pool.submit(function, *args).result()
        except BrokenProcessPool as error:
            lines = log.read_text(errors="replace").splitlines()[-_LAST_LINES:] if log.exists() else []
            raise RuntimeError("\n".join([f"the process of {label} died. Its last lines:", *lines])) from error

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
    """Ends this process when the benchmark is killed."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)
