"""A rank knows its own address, and the interface that has it."""

from __future__ import annotations

import psutil
import pytest

from laketrain.distributed.launch.network import interface_of, local_address_towards
from laketrain.errors import LaunchError


def test_the_address_towards_this_host_is_loopback_and_has_an_interface() -> None:
    address = local_address_towards("127.0.0.1")
    assert address == "127.0.0.1"
    assert interface_of(address) in psutil.net_if_addrs()


def test_an_address_without_interface_is_refused() -> None:
    with pytest.raises(LaunchError, match="address 203.0.113.7: belongs to no network interface"):
        interface_of("203.0.113.7")
