"""Captures what a rank prints, so that the driver has its last lines even if the rank is killed.

    with capture_output(spec, rank):
        print("step 7")     # goes to the executor's log and to the driver
"""

from __future__ import annotations

import contextlib
import importlib.resources
import json
import os
import subprocess
import sys
from collections.abc import Iterator

from laketrain.distributed.launch.reporter import LaunchSpec

END_SECONDS = 5.0


@contextlib.contextmanager
def capture_output(spec: LaunchSpec, rank: int) -> Iterator[None]:
    """Standard output and error, of Python and of C++, go through a log forwarder inside the `with`."""
    _flush()
    originals = os.dup(1), os.dup(2)
    read_end, write_end = os.pipe()
    forwarder = _start_forwarder(spec, rank, read_end, originals[1])
    os.close(read_end)
    os.dup2(write_end, 1)
    os.dup2(write_end, 2)
    os.close(write_end)
    was_line_buffered = _set_line_buffering(True)
    try:
        yield
    finally:
        _flush()
        _set_line_buffering(was_line_buffered)
        for descriptor, original in zip((1, 2), originals, strict=True):
            os.dup2(original, descriptor)
            os.close(original)
        _end(forwarder)


def _start_forwarder(spec: LaunchSpec, rank: int, read_end: int, error_end: int) -> subprocess.Popen[bytes]:
    # The source is on the command line because the package may be in a zip. The token isn't: all users can read it.
    source = importlib.resources.files(__package__).joinpath("log_forwarder.py").read_text()
    settings = json.dumps({"host": spec.host, "port": spec.port, "token": spec.token, "rank": rank})
    return subprocess.Popen([sys.executable, "-S", "-E", "-c", source], stdin=read_end, stdout=subprocess.DEVNULL,
                            stderr=error_end, env={**os.environ, "LAKETRAIN_LOG_FORWARDER": settings})


def _end(forwarder: subprocess.Popen[bytes]) -> None:
    """It ends when the pipe does, unless a process that the task left behind still has the pipe open."""
    try:
        forwarder.wait(END_SECONDS)
    except subprocess.TimeoutExpired:
        forwarder.kill()
        forwarder.wait()


def _set_line_buffering(enabled: bool) -> bool:
    """With line buffering, the last line of a killed rank is not lost. Returns the previous setting."""
    previous = bool(getattr(sys.stdout, "line_buffering", False))
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(line_buffering=enabled)
    return previous


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(AttributeError, ValueError, OSError):
            stream.flush()
