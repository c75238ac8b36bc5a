"""Forwards what a rank prints to the executor's log, and its last lines to the driver. Runs as a process of its own.

    … | python -c "$(cat log_forwarder.py)"     # `capture_output` starts it, settings in LAKETRAIN_LOG_FORWARDER

A rank that is killed, or that TensorFlow aborts, can't send its last lines. They are in a pipe that this process reads.
Uses the standard library only, to start in milliseconds. Ends when the rank does.
"""

from __future__ import annotations

import collections
import contextlib
import http.client
import json
import os
import select
import time

LOG_LINES = 40
LINE_CHARS = 500
POST_SECONDS = 1.0


def main() -> None:
    """Read the rank's output until it ends."""
    settings = json.loads(os.environ.pop("LAKETRAIN_LOG_FORWARDER"))
    tail: collections.deque[str] = collections.deque(maxlen=LOG_LINES)
    rest, changed, posted = b"", False, 0.0
    while True:
        ready, _, _ = select.select([0], [], [], POST_SECONDS)
        data = os.read(0, 1 << 16) if ready else None
        if data:
            forward(data)
            *lines, rest = (rest + data).split(b"\n")
            rest = rest[-LINE_CHARS:]
            tail.extend(line.decode("utf-8", "replace")[:LINE_CHARS] for line in lines if line.strip())
            changed = changed or bool(lines)
        if data == b"":
            break
        if changed and time.monotonic() - posted > POST_SECONDS:
            post(settings, list(tail), exited=False)
            changed, posted = False, time.monotonic()
    if rest.strip():
        tail.append(rest.decode("utf-8", "replace"))
    post(settings, list(tail), exited=True)


def forward(data: bytes) -> None:
    """Write to standard error, the executor's own log."""
    with contextlib.suppress(OSError):  # the reader has gone
        os.write(2, data)


def post(settings: dict[str, str | int], lines: list[str], exited: bool) -> None:
    """Send the last lines to the driver, and whether the rank has ended."""
    body = json.dumps({"kind": "log", "rank": settings["rank"], "lines": lines, "exited": exited})
    connection = http.client.HTTPConnection(str(settings["host"]), int(settings["port"]), timeout=3)
    try:
        connection.request("POST", "/events", body.encode(), {"Authorization": f"Bearer {settings['token']}",
                                                              "Content-Type": "application/json"})
        connection.getresponse().read()
    except (OSError, http.client.HTTPException):
        pass  # the driver has gone, so nobody needs these lines
    finally:
        connection.close()


if __name__ == "__main__":
    main()
