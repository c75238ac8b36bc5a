"""Ports for servers that are to keep them, from before they start and through restarts.

    namenode, manager = free_ports(2)

A port that was free a minute ago may be another's when the server begins: another test's, or a connection's. So they
are kept: bound by this process until it ends. Linux lets a server that sets SO_REUSEADDR (as Java's, PostgreSQL's and
our own do) listen at a port that is bound so, and nobody else take it.
"""

from __future__ import annotations

import random
import socket
import sys

LOOPBACK = "127.0.0.1"
# Below those that the kernel uses for outgoing connections.
_FIRST, _LAST = 20_000, 32_000
_KEPT: list[socket.socket] = []


def free_ports(count: int) -> list[int]:
    """So many free ports, reserved for servers that this process starts."""
    return [free_row(1) for _ in range(count)]


def free_row(count: int) -> int:
    """The first of `count` free ports in a row, reserved as well. Raises OSError if there are none."""
    firsts = range(_FIRST, _LAST - count + 1)
    for first in random.sample(firsts, len(firsts)):
        row = [socket.socket() for _ in range(count)]
        try:
            for port, holder in enumerate(row, first):
                _hold(holder, port)
        except OSError:
            _close(row)
            continue
        if sys.platform == "linux":
            _KEPT.extend(row)
        else:
            _close(row)  # on other systems, nobody can share a bound port
        return first
    raise OSError(f"of the ports {_FIRST} to {_LAST - 1}, no {count} in a row are free")


def listens(port: int) -> bool:
    """Whether a server answers at the port."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex((LOOPBACK, port)) == 0


def _hold(holder: socket.socket, port: int) -> None:
    # Only after it is bound: else a port that another process reserved in the same way would be shared.
    holder.bind((LOOPBACK, port))
    holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)


def _close(row: list[socket.socket]) -> None:
    for holder in row:
        holder.close()
