"""A rank's witness: a small process that passes on what the rank prints, and tells the driver its last lines.

    … | python -c "$(cat witness.py)"        # started by `seat.witnessed`, with what it needs in LAKETRAIN_WITNESS

A rank that is killed, or that TensorFlow aborts, can't send its own last words: they lie in a pipe whose end the
witness holds. Standard library alone, so that it starts in milliseconds; it ends when the rank does.
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
    """Read what the rank prints until it ends."""
    ticket = json.loads(os.environ.pop("LAKETRAIN_WITNESS"))
    tail: collections.deque[str] = collections.deque(maxlen=LOG_LINES)
    rest, changed, posted = b"", False, 0.0
    while True:
        ready, _, _ = select.select([0], [], [], POST_SECONDS)
        data = os.read(0, 1 << 16) if ready else None
        if data:
            pass_on(data)
            *lines, rest = (rest + data).split(b"\n")
            rest = rest[-LINE_CHARS:]
            tail.extend(line.decode("utf-8", "replace")[:LINE_CHARS] for line in lines if line.strip())
            changed = changed or bool(lines)
        if data == b"":
            break
        if changed and time.monotonic() - posted > POST_SECONDS:
            post(ticket, list(tail), gone=False)
            changed, posted = False, time.monotonic()
    if rest.strip():
        tail.append(rest.decode("utf-8", "replace"))
    post(ticket, list(tail), gone=True)


def pass_on(data: bytes) -> None:
    """To where the rank would have printed, the executor's own log."""
    with contextlib.suppress(OSError):  # nobody reads there any more
        os.write(2, data)


def post(ticket: dict[str, str | int], lines: list[str], gone: bool) -> None:
    """Tell the driver the last lines, and whether the rank has ended."""
    body = json.dumps({"kind": "log", "rank": ticket["rank"], "lines": lines, "gone": gone})
    connection = http.client.HTTPConnection(str(ticket["host"]), int(ticket["port"]), timeout=3)
    try:
        connection.request("POST", "/events", body.encode(), {"Authorization": f"Bearer {ticket['token']}",
                                                              "Content-Type": "application/json"})
        connection.getresponse().read()
    except (OSError, http.client.HTTPException):
        pass  # the driver has gone, and with it whoever would read these lines
    finally:
        connection.close()


if __name__ == "__main__":
    main()
