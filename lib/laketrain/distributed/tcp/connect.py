"""Connects each rank to each other rank, and proves on each connection that both have the launch's token.

    listener = listen("10.0.0.3")                       # before the addresses are exchanged
    connections = connect(1, addresses, listener, token, timeout=60)

Rank r connects to all lower ranks and accepts the higher ones. Each side answers the other's random challenge with a
keyed hash, so the token itself isn't sent, and a program that only finds the port is refused.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import queue
import secrets
import socket
import struct
import threading
import time
from collections.abc import Iterator, Sequence

from laketrain.distributed.tcp.mesh import PeerLost

HANDSHAKE_SECONDS = 10.0
"""How long a program that connects may take to prove that it is a rank."""

_GREETING = struct.Struct("<I16s")  # rank, challenge
_PROOF_BYTES = 32
_BACKLOG = 1024


def listen(host: str) -> socket.socket:
    """A socket that listens at any free port of the IPv4 address `host`."""
    return socket.create_server((host, 0), backlog=_BACKLOG)


def connect(rank: int, addresses: Sequence[tuple[str, int]], listener: socket.socket, token: str,
            timeout: float) -> dict[int, socket.socket]:
    """A connected socket for each other rank.

    Args:
        addresses: host and port of each rank, in rank order. listener: this rank's; it is closed.
        timeout: seconds for all.

    Raises:
        PeerLost: a rank can't be reached, or has another token.
    """
    end = time.monotonic() + timeout
    connections: dict[int, socket.socket] = {}
    try:
        for peer in range(rank):
            connections[peer] = _connect_to(peer, addresses[peer], rank, token, end)
        for peer, connection in _accepted(listener, rank, len(addresses) - 1 - rank, token, end):
            if not rank < peer < len(addresses) or peer in connections:
                raise PeerLost(f"rank {peer} connected to rank {rank} twice, or should not have")
            connections[peer] = connection
    except BaseException:
        for connection in connections.values():
            connection.close()
        raise
    finally:
        listener.close()
    return connections


def _connect_to(peer: int, address: tuple[str, int], rank: int, token: str, end: float) -> socket.socket:
    try:
        connection = socket.create_connection(address, timeout=_remaining(end))
        with _closing_after_failure(connection):
            challenge = secrets.token_bytes(16)
            connection.sendall(_GREETING.pack(rank, challenge))
            other, other_challenge = _GREETING.unpack(_receive(connection, _GREETING.size))
            connection.sendall(_proof(token, rank, other_challenge))
            if other != peer or not hmac.compare_digest(_receive(connection, _PROOF_BYTES),
                                                        _proof(token, peer, challenge)):
                raise PeerLost(f"what listens there is not rank {peer} of this launch")
            return connection
    except OSError as error:
        host, port = address
        raise PeerLost(f"rank {rank} can't connect to rank {peer} at {host}:{port} ({error}); executors connect to "
                       "each other at any port") from error


def _accepted(listener: socket.socket, rank: int, count: int, token: str, end: float
              ) -> Iterator[tuple[int, socket.socket]]:
    """The number and the connection of each of `count` ranks that connect. A thread for each program that connects
    checks whether it is a rank, so that none delays the others."""
    welcomed: queue.SimpleQueue[tuple[int, socket.socket]] = queue.SimpleQueue()
    acceptor = threading.Thread(target=_accept, args=(listener, rank, token, welcomed), daemon=True)
    acceptor.start()
    try:
        for number in range(count):
            try:
                yield welcomed.get(timeout=_remaining(end))
            except queue.Empty:
                raise PeerLost(f"{count - number} of the ranks above {rank} did not connect") from None
    finally:
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)  # ends `accept`
        acceptor.join()


def _accept(listener: socket.socket, rank: int, token: str,
            welcomed: queue.SimpleQueue[tuple[int, socket.socket]]) -> None:
    def check(connection: socket.socket) -> None:
        with contextlib.suppress(OSError), _closing_after_failure(connection):
            connection.settimeout(HANDSHAKE_SECONDS)
            welcomed.put((_welcome(connection, rank, token), connection))

    while True:
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        threading.Thread(target=check, args=(connection,), daemon=True).start()


def _welcome(connection: socket.socket, rank: int, token: str) -> int:
    """The number of the rank that has connected, once both have proved that they know the token."""
    challenge = secrets.token_bytes(16)
    peer, peer_challenge = _GREETING.unpack(_receive(connection, _GREETING.size))
    connection.sendall(_GREETING.pack(rank, challenge))
    if not hmac.compare_digest(_receive(connection, _PROOF_BYTES), _proof(token, peer, challenge)):
        raise PeerLost("has another token")
    connection.sendall(_proof(token, rank, peer_challenge))
    return int(peer)


def _proof(token: str, rank: int, challenge: bytes) -> bytes:
    return hmac.digest(token.encode(), struct.pack("<I", rank) + challenge, hashlib.sha256)


def _receive(connection: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        part = connection.recv(size - len(data))
        if not part:
            raise PeerLost("the connection was closed")
        data += part
    return data


def _remaining(end: float) -> float:
    """Seconds until `end`: at least a little, since 0 would mean not to block."""
    return max(0.001, end - time.monotonic())


@contextlib.contextmanager
def _closing_after_failure(connection: socket.socket) -> Iterator[None]:
    try:
        yield
    except BaseException:
        connection.close()
        raise
