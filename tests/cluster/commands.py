"""Commands of laketrain in processes of their own, to be killed when something has happened.

    driver = begin(config, "ingest")
    until(lambda: lake.table("raw", "events").versions())
    driver.kill()
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

_processes: list[subprocess.Popen[str]] = []


def begin(config: Path | None, verb: str, *options: str, environ: Mapping[str, str] | None = None,
          ) -> subprocess.Popen[str]:
    """`laketrain <verb> <config>`, in a session of its own; its JVM ends with it. `environ`: more variables for it."""
    words = [verb, *([] if config is None else [str(config)]), *options]
    _processes.append(subprocess.Popen(
        [sys.executable, "-m", "laketrain", *words], text=True, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, start_new_session=True,
        env={**os.environ, "SPARK_LOCAL_IP": "127.0.0.1", **(environ or {})}))
    return _processes[-1]


def end_all() -> None:
    """Ends the processes that a failed test left running."""
    while _processes:
        process = _processes.pop()
        if process.poll() is None:
            process.kill()
            process.wait()


def until(happens: Callable[[], Any], patience: float = 600) -> None:
    end = time.monotonic() + patience
    while not happens():
        assert time.monotonic() < end, "it never happened"
        time.sleep(0.01)
