"""Only ranks of the same launch connect."""

from __future__ import annotations

import socket
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from tests.distributed.tcp.meshes import TOKEN, meshes_of, on_each

from laketrain.distributed.tcp.collectives import allreduce
from laketrain.distributed.tcp.connect import connect, listen
from laketrain.distributed.tcp.mesh import PeerLost


def test_every_rank_is_connected_to_every_other() -> None:
    with meshes_of(5) as meshes:
        assert [sorted(mesh.peers) for mesh in meshes] == [[peer for peer in range(5) if peer != rank]
                                                            for rank in range(5)]
        assert {float(total) for total in on_each(meshes, lambda mesh: allreduce(
            mesh, np.array(float(mesh.rank)), "sum", "a"))} == {10.0}


def test_a_program_that_is_not_a_rank_is_refused_and_delays_nobody() -> None:
    listeners = [listen("127.0.0.1") for _ in range(2)]
    addresses = [listener.getsockname()[:2] for listener in listeners]
    with socket.create_connection(addresses[0]) as stranger:
        stranger.sendall(b"GET / HTTP/1.1\r\nHost: rank\r\n\r\n")
        with ThreadPoolExecutor(2) as pool:
            first, second = pool.map(lambda rank: connect(rank, addresses, listeners[rank], TOKEN, 20.0), range(2))
    assert list(first) == [1]
    assert list(second) == [0]
    for connection in (*first.values(), *second.values()):
        connection.close()


def test_a_rank_with_another_token_is_refused() -> None:
    listeners = [listen("127.0.0.1") for _ in range(2)]
    addresses = [listener.getsockname()[:2] for listener in listeners]
    failures: list[BaseException] = []

    def accept() -> None:
        try:
            connect(0, addresses, listeners[0], TOKEN, 1.0)
        except PeerLost as error:
            failures.append(error)

    thread = threading.Thread(target=accept)
    thread.start()
    with pytest.raises(PeerLost, match="rank 1 can't connect to rank 0 at 127.0.0.1"):
        connect(1, addresses, listeners[1], "another token", 5.0)
    thread.join()
    assert "1 of the ranks above 0 did not connect" in str(failures[0])


def test_the_listening_port_is_closed_once_connected() -> None:
    with meshes_of(1):
        listener = listen("127.0.0.1")
        address = listener.getsockname()[:2]
        assert connect(0, [address], listener, TOKEN, 5.0) == {}
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(address)
