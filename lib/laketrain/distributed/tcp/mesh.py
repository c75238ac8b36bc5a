"""A rank's TCP connections to all other ranks, over which it sends and receives at the same time.

    mesh.exchange({1: data}, {1: Fill(buffer)})     # returns when all is sent and received

One thread does all of it: it sends what the kernel takes and reads what has arrived, so ranks that send to each other
never wait for each other. A connection that ends raises `PeerLost`.
"""

from __future__ import annotations

import contextlib
import select
import socket
import sys
import time
from collections.abc import Mapping
from typing import Protocol

SEND_BYTES = 1 << 20
"""At most so much is given to the kernel before what has arrived is read."""
STALL_WARNING = "laketrain: waits for ranks"

_CLOSED = select.POLLERR | select.POLLHUP | select.POLLNVAL


class PeerLost(ConnectionError):
    """Another rank closed its connection, or sent nothing for too long."""


class Receiver(Protocol):
    """Where the bytes of one peer go."""

    def space(self) -> memoryview | None:
        """The buffer for the next bytes; None when all have arrived."""
        ...

    def advance(self, count: int) -> None:
        """The next `count` bytes are in the buffer."""
        ...


class Fill:
    """Receives as many bytes as the buffer has.

    Args:
        buffer: writable bytes.
    """

    def __init__(self, buffer: memoryview) -> None:
        self._rest = buffer

    def space(self) -> memoryview | None:
        return self._rest if len(self._rest) else None

    def advance(self, count: int) -> None:
        self._rest = self._rest[count:]


class Mesh:
    """The connections of rank `rank` of `size` ranks.

    Args:
        connections: a connected socket for each other rank.
        timeout: seconds after which a peer that sends nothing is lost.
        stall_seconds: seconds after which a warning on standard error names the ranks that send nothing.
    """

    def __init__(self, rank: int, connections: Mapping[int, socket.socket], timeout: float,
                 stall_seconds: float) -> None:
        self.rank, self.size = rank, len(connections) + 1
        self._connections = dict(connections)
        self._peers = {connection.fileno(): peer for peer, connection in connections.items()}
        self._timeout, self._stall_seconds = timeout, stall_seconds
        self._is_closed = False
        for connection in connections.values():
            connection.setblocking(False)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    @property
    def peers(self) -> list[int]:
        """The other ranks."""
        return list(self._connections)

    def close(self) -> None:
        """Close all connections, so that ranks that wait for this one fail at once."""
        self._is_closed = True
        for connection in self._connections.values():
            connection.close()

    def exchange(self, outgoing: Mapping[int, memoryview], incoming: Mapping[int, Receiver]) -> None:
        """Send to and receive from other ranks; returns when all is done.

        Args:
            outgoing: the bytes for each peer that gets some. incoming: the receiver of each peer that sends some.

        Raises:
            PeerLost: a connection has ended, or a peer sent nothing for `timeout` seconds.

        After any error all connections are closed, since no later collective could match.
        """
        if self._is_closed:
            raise PeerLost("the connections to the other ranks were closed after an earlier error")
        try:
            self._exchange(outgoing, incoming)
        except BaseException as error:
            self.close()
            if isinstance(error, OSError) and not isinstance(error, PeerLost):
                raise PeerLost(f"a connection to another rank failed: {error}") from error
            raise

    def _exchange(self, outgoing: Mapping[int, memoryview], incoming: Mapping[int, Receiver]) -> None:
        unsent = {peer: rest for peer, data in outgoing.items() if len(rest := self._send(peer, data))}
        awaited = {peer: receiver for peer, receiver in incoming.items() if receiver.space() is not None}
        poll = select.poll()
        for peer in {*unsent, *awaited}:
            poll.register(self._connections[peer], _interest(peer, unsent, awaited))
        quiet_since, warned = time.monotonic(), False
        while unsent or awaited:
            ready = poll.poll(1000.0 * min(self._stall_seconds, self._timeout))
            if not ready:
                warned = self._check_quiet(time.monotonic() - quiet_since, {*unsent, *awaited}, warned)
                continue
            quiet_since = time.monotonic()
            for descriptor, event in ready:
                peer = self._peers[descriptor]
                before = _interest(peer, unsent, awaited)
                self._advance(peer, event, unsent, awaited)
                after = _interest(peer, unsent, awaited)
                if after == 0:
                    poll.unregister(descriptor)
                elif after != before:
                    poll.modify(descriptor, after)

    def _advance(self, peer: int, event: int, unsent: dict[int, memoryview], awaited: dict[int, Receiver]) -> None:
        """Receive from and send to one peer what is possible now."""
        if peer in awaited and event & (select.POLLIN | _CLOSED):
            self._receive(peer, awaited[peer])
            if awaited[peer].space() is None:
                del awaited[peer]
        elif event & _CLOSED:
            raise PeerLost(f"rank {peer} closed its connection")
        if peer in unsent and event & select.POLLOUT:
            unsent[peer] = self._send(peer, unsent[peer])
            if not len(unsent[peer]):
                del unsent[peer]

    def _send(self, peer: int, data: memoryview) -> memoryview:
        """Send what the kernel takes; the rest."""
        try:
            return data[self._connections[peer].send(data[:SEND_BYTES]):]
        except BlockingIOError:
            return data

    def _receive(self, peer: int, receiver: Receiver) -> None:
        space = receiver.space()
        assert space is not None
        with contextlib.suppress(BlockingIOError):
            count = self._connections[peer].recv_into(space)
            if count == 0:
                raise PeerLost(f"rank {peer} closed its connection")
            receiver.advance(count)

    def _check_quiet(self, seconds: float, peers: set[int], warned: bool) -> bool:
        """Warn once of ranks that neither send nor receive; give up after `timeout`."""
        if seconds >= self._timeout:
            raise PeerLost(f"ranks {sorted(peers)} sent nothing for {seconds:.0f} s")
        if not warned and seconds >= self._stall_seconds:
            print(f"{STALL_WARNING} {', '.join(map(str, sorted(peers)))} for {seconds:.0f} s", file=sys.stderr,
                  flush=True)
            return True
        return warned


def _interest(peer: int, unsent: Mapping[int, memoryview], awaited: Mapping[int, Receiver]) -> int:
    return (select.POLLOUT if peer in unsent else 0) | (select.POLLIN if peer in awaited else 0)
