"""Lets a witness process read what this rank prints, and tell the driver the last lines should the rank die.

    with witnessed(ticket, rank):
        print("step 7")     # still reaches the executor's log; the driver knows it too
"""

from __future__ import annotations

import contextlib
import importlib.resources
import json
import os
import subprocess
import sys
from collections.abc import Iterator

from laketrain.distributed.reporter import Ticket

END_SECONDS = 5.0


@contextlib.contextmanager
def witnessed(ticket: Ticket, rank: int) -> Iterator[None]:
    """Standard output and error, of Python and of C++ alike, go through the witness within the `with`."""
    _flush()
    kept = os.dup(1), os.dup(2)
    read_end, write_end = os.pipe()
    witness = _start(ticket, rank, read_end, kept[1])
    os.close(read_end)
    os.dup2(write_end, 1)
    os.dup2(write_end, 2)
    os.close(write_end)
    buffered = _line_buffering(True)
    try:
        yield
    finally:
        _flush()
        _line_buffering(buffered)
        for place, original in zip((1, 2), kept, strict=True):
            os.dup2(original, place)
            os.close(original)
        _end(witness)


def _start(ticket: Ticket, rank: int, read_end: int, error_end: int) -> subprocess.Popen[bytes]:
    # Its source is given on the command line because the package may lie in a zip; the token is not, for all to see.
    source = importlib.resources.files(__package__).joinpath("witness.py").read_text()
    needs = json.dumps({"host": ticket.host, "port": ticket.port, "token": ticket.token, "rank": rank})
    return subprocess.Popen([sys.executable, "-S", "-E", "-c", source], stdin=read_end, stdout=subprocess.DEVNULL,
                            stderr=error_end, env={**os.environ, "LAKETRAIN_WITNESS": needs})


def _end(witness: subprocess.Popen[bytes]) -> None:
    """It ends by itself when the pipe does, unless a process that the task left behind still holds it."""
    try:
        witness.wait(END_SECONDS)
    except subprocess.TimeoutExpired:
        witness.kill()
        witness.wait()


def _line_buffering(wanted: bool) -> bool:
    """Print line by line, so that a killed rank's last line is known. Gives what was so before."""
    before = bool(getattr(sys.stdout, "line_buffering", False))
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(line_buffering=wanted)
    return before


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(AttributeError, ValueError, OSError):
            stream.flush()
