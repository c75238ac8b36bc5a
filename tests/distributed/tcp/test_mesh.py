"""Ranks exchange bytes in both directions at once, and learn at once that another rank has gone."""

from __future__ import annotations

import numpy as np
import pytest
from tests.distributed.tcp.meshes import errors_on_each, meshes_of, on_each

from laketrain.distributed.tcp.mesh import STALL_WARNING, Fill, Mesh, PeerLost

LARGE = 8 << 20
"""Bytes: more than the kernel buffers for a connection, so ranks that only sent would wait for each other forever."""


def test_all_ranks_send_more_than_the_kernel_buffers_at_once() -> None:
    def exchange(mesh: Mesh) -> list[bool]:
        buffers = {peer: np.empty(LARGE, np.uint8) for peer in mesh.peers}
        mesh.exchange(dict.fromkeys(mesh.peers, np.full(LARGE, mesh.rank, np.uint8).data),
                      {peer: Fill(buffer.data) for peer, buffer in buffers.items()})
        return [bool((buffer == peer).all()) for peer, buffer in buffers.items()]

    with meshes_of(3) as meshes:
        assert on_each(meshes, exchange) == [[True, True]] * 3


@pytest.mark.parametrize("size", [1, LARGE])
def test_a_peer_that_closes_is_lost_at_once(size: int) -> None:
    with meshes_of(2) as meshes:
        meshes[1].close()
        # A peer that is lost by the timeout instead has "sent nothing".
        with pytest.raises(PeerLost, match="closed its connection|a connection to another rank failed"):
            meshes[0].exchange({1: memoryview(bytearray(size))},
                               {1: Fill(memoryview(bytearray(size)))})


def test_the_loss_of_one_rank_reaches_those_that_wait_for_others() -> None:
    """Rank 2 waits for rank 1, which waits for rank 0, which has gone."""
    def wait(mesh: Mesh) -> None:
        if mesh.rank == 0:
            mesh.close()
        else:
            mesh.exchange({}, {mesh.rank - 1: Fill(memoryview(bytearray(1)))})

    with meshes_of(3) as meshes:
        errors = errors_on_each(meshes, wait)
        assert [type(error) for error in errors] == [type(None), PeerLost, PeerLost]


def test_after_an_error_the_mesh_is_of_no_use() -> None:
    with meshes_of(2) as meshes:
        meshes[1].close()
        for _ in range(2):
            with pytest.raises(PeerLost):
                meshes[0].exchange({}, {1: Fill(memoryview(bytearray(1)))})


def test_a_silent_peer_is_named_in_a_warning_and_then_lost(capsys: pytest.CaptureFixture[str]) -> None:
    with (meshes_of(3, timeout=0.5, stall_seconds=0.1) as meshes,
          pytest.raises(PeerLost, match=r"ranks \[1, 2\] sent nothing for")):
        meshes[0].exchange({}, {peer: Fill(memoryview(bytearray(1))) for peer in (1, 2)})
    [warning] = capsys.readouterr().err.splitlines()
    assert warning.startswith(f"{STALL_WARNING} 1, 2 for ")
