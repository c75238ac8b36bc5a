"""Ports for servers that are to keep them through a restart.

    namenode, manager = free_ports(2)
"""

from __future__ import annotations

import random
import socket

LOOPBACK = "127.0.0.1"
# Below those that the kernel gives to outgoing connections: one of these could take the port of a server that is down.
_FIRST, _LAST = 20_000, 32_000


def free_ports(count: int) -> list[int]:
    """As many different ports at which nobody listens now."""
    found: list[int] = []
    for port in random.sample(range(_FIRST, _LAST), _LAST - _FIRST):
        if len(found) == count:
            break
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((LOOPBACK, port))
            except OSError:
                continue
            found.append(port)
    return found


def listens(port: int) -> bool:
    """Whether a server answers at the port."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex((LOOPBACK, port)) == 0
