"""Network addresses of this host."""

from __future__ import annotations

import socket

from laketrain.errors import LaunchError


def local_address_towards(host: str) -> str:
    """This host's address on the route to `host`. Connecting a datagram socket sends nothing."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as route:
        route.connect((host, 9))
        return str(route.getsockname()[0])


def interface_of(address: str) -> str:
    """The name of the network interface that has `address`.

    Raises:
        LaunchError: no interface has it.
    """
    import psutil

    for name, addresses in psutil.net_if_addrs().items():
        if any(entry.address == address for entry in addresses):
            return str(name)
    raise LaunchError("launch", f"address {address}", "belongs to no network interface of this host")
