"""The backend of one rank returns what it receives."""

from __future__ import annotations

import numpy as np

from laketrain.distributed.serial import SerialBackend


def test_collectives_return_their_input() -> None:
    backend, tensor = SerialBackend(), np.arange(3)
    assert backend.size() == 1
    for collective in (backend.allgather, backend.alltoall, backend.broadcast):
        assert collective(tensor, "name") is tensor
    assert backend.allreduce(tensor, "sum", "name") is tensor
    [result] = backend.grouped_allreduce([tensor], "average", "name")
    assert result is tensor


def test_no_peer_can_fail() -> None:
    backend = SerialBackend()
    assert not backend.is_peer_failure(RuntimeError("peer"))
    assert backend.missing_ranks(["any"]) == set()
    assert backend.hint("any") == ""
