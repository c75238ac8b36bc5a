"""Collectives of NumPy arrays between ranks, over a `Mesh`.

    allreduce(mesh, np.ones(3), "sum", "loss")  ->  array([2., 2., 2.]) on two ranks

Each collective starts with a message between each two ranks that has its kind, name, dtype and shape. So ranks that
call different collectives get an error with both calls, and a rank that doesn't come is known by its number. Small
arrays travel in that message; each rank then reduces those of all ranks, in rank order. Large arrays go around a ring
(reduce-scatter, then allgather: Patarasuk and Yuan, "Bandwidth optimal all-reduce algorithms", 2009), which sends the
fewest bytes. In both, all ranks receive the same bits: they add in the same order, or one rank adds for all.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Callable, Sequence
from typing import Any, Literal

import numpy as np

from laketrain.distributed.tcp.mesh import Fill, Mesh

Array = np.ndarray[Any, np.dtype[Any]]
Op = Literal["average", "sum", "max"]

DIRECT_BYTES = 64 << 10
"""Arrays up to this size are sent to each rank at once; larger ones go around the ring."""

_REDUCE_BYTES = 256 << 10  # fits the processor's cache: received, then added while it is there
_HEADER = struct.Struct("<Q240s")  # rows, label
_MAX_LABEL_BYTES = 240


class CollectiveMismatch(Exception):
    """Ranks call different collectives, or one with different shapes."""


def allreduce(mesh: Mesh, array: Array, op: Op, name: str) -> Array:
    """The arrays of all ranks, of one shape and dtype, reduced element by element."""
    label = f"allreduce {op} {array.dtype} {list(array.shape)} {name}"
    if array.nbytes <= DIRECT_BYTES or mesh.size == 1:
        total = _reduce_in_rank_order(_all_to_all(mesh, dict.fromkeys(mesh.peers, array), array, label), op)
    else:
        _agree(mesh, label)
        total = _ring_allreduce(mesh, np.ascontiguousarray(array).reshape(-1), op)
    return total.reshape(array.shape)


def allgather(mesh: Mesh, array: Array, name: str) -> Array:
    """The arrays of all ranks, which may differ in axis 0, concatenated along it in rank order."""
    label = f"allgather {array.dtype} {list(array.shape[1:])} {name}"
    return np.concatenate(_all_to_all(mesh, dict.fromkeys(mesh.peers, array), array, label))


def alltoall(mesh: Mesh, array: Array, name: str) -> Array:
    """Part i of `size` equal parts along axis 0 goes to rank i; the received parts in rank order."""
    parts = np.split(array, mesh.size)
    label = f"alltoall {array.dtype} {list(array.shape)} {name}"
    return np.concatenate(_all_to_all(mesh, {peer: parts[peer] for peer in mesh.peers}, parts[mesh.rank], label))


def broadcast(mesh: Mesh, array: Array, name: str) -> Array:
    """The array of rank 0."""
    _agree(mesh, f"broadcast {array.dtype} {list(array.shape)} {name}")
    result = np.array(array).reshape(-1)
    chunks = np.array_split(result, mesh.size)
    if mesh.rank == 0:
        mesh.exchange({peer: _bytes(chunks[peer]) for peer in mesh.peers}, {})
    else:
        mesh.exchange({}, {0: Fill(_bytes(chunks[mesh.rank]))})
    _ring_allgather(mesh, chunks, mesh.rank)
    return result.reshape(array.shape)


class _Message:
    """Receives a header, then the rows that it announces, into `rows`.

    Args:
        label: the header's text that is expected. call: the same, for errors.
        like: an array with the dtype and row shape of the rows.
    """

    def __init__(self, peer: int, label: bytes, call: str, like: Array) -> None:
        self._peer, self._label, self._call = peer, label, call
        self._header = bytearray(_HEADER.size)
        self._fill = Fill(memoryview(self._header))
        self._has_header = False
        self.rows = np.empty((0, *like.shape[1:]), like.dtype)

    def space(self) -> memoryview | None:
        return self._fill.space()

    def advance(self, count: int) -> None:
        self._fill.advance(count)
        if not self._has_header and self._fill.space() is None:
            self._has_header = True
            rows, label = _HEADER.unpack(self._header)
            self._check(label.rstrip(b"\0"))
            self.rows = np.empty((rows, *self.rows.shape[1:]), self.rows.dtype)
            self._fill = Fill(_bytes(self.rows))

    def _check(self, label: bytes) -> None:
        if label != self._label:
            raise CollectiveMismatch(f"this rank calls [{self._call}], rank {self._peer} calls "
                                     f"[{label.decode(errors='replace')}]")


def _all_to_all(mesh: Mesh, arrays: dict[int, Array], own: Array, label: str) -> list[Array]:
    """Send an array to each peer; in rank order, the array that each has sent to this rank, and `own` for this one.

    All have the dtype and the shape of `own` but for axis 0. Numbers become arrays of one row.
    """
    encoded, own = _encode(label), np.atleast_1d(own)
    messages = {peer: _Message(peer, encoded, label, own) for peer in arrays}
    outgoing = {peer: _message_bytes(np.atleast_1d(array), encoded) for peer, array in arrays.items()}
    mesh.exchange(outgoing, messages)
    return [own if rank == mesh.rank else messages[rank].rows for rank in range(mesh.size)]


def _message_bytes(rows: Array, label: bytes) -> memoryview:
    message = np.empty(_HEADER.size + rows.nbytes, np.uint8)
    message[:_HEADER.size] = np.frombuffer(_HEADER.pack(len(rows), label), np.uint8)
    message[_HEADER.size:] = np.ascontiguousarray(rows).reshape(-1).view(np.uint8)
    return _bytes(message)


def _agree(mesh: Mesh, label: str) -> None:
    """Wait for all ranks to call the same collective."""
    nothing = np.empty(0, np.uint8)
    _all_to_all(mesh, dict.fromkeys(mesh.peers, nothing), nothing, label)


def _encode(label: str) -> bytes:
    """The label as at most 240 bytes: the end of a long one becomes a digest."""
    encoded = label.encode()
    if len(encoded) <= _MAX_LABEL_BYTES:
        return encoded
    return encoded[:200] + hashlib.sha256(encoded).hexdigest()[:40].encode()


def _reduce_in_rank_order(parts: Sequence[Array], op: Op) -> Array:
    total = parts[0].copy()
    for part in parts[1:]:
        _ufunc(op)(total, part, out=total)
    if op == "average":
        total /= len(parts)
    return total


class _Reduce:
    """Receives the partial result of a chunk, and puts its reduction with this rank's own chunk into `result`."""

    def __init__(self, own: Array, result: Array, ufunc: Callable[..., Any], scratch: Array) -> None:
        self._own, self._result, self._ufunc = own, result, ufunc
        self._scratch = scratch[:len(own)]
        self._position = 0
        self._fill = Fill(_bytes(self._scratch))

    def space(self) -> memoryview | None:
        return self._fill.space()

    def advance(self, count: int) -> None:
        self._fill.advance(count)
        if self._fill.space() is None:
            start, end = self._position, self._position + len(self._scratch)
            self._ufunc(self._own[start:end], self._scratch, out=self._result[start:end])
            self._position = end
            self._scratch = self._scratch[:len(self._own) - end]
            self._fill = Fill(_bytes(self._scratch))


def _ring_allreduce(mesh: Mesh, array: Array, op: Op) -> Array:
    """Reduce-scatter, after which rank r has the result of chunk r + 1, then allgather."""
    result = np.empty_like(array)
    own, reduced = np.array_split(array, mesh.size), np.array_split(result, mesh.size)
    scratch = np.empty(max(1, _REDUCE_BYTES // array.itemsize), array.dtype)
    following, previous = (mesh.rank + 1) % mesh.size, (mesh.rank - 1) % mesh.size
    for step in range(mesh.size - 1):
        sent, received = (mesh.rank - step) % mesh.size, (mesh.rank - step - 1) % mesh.size
        chunk = own[sent] if step == 0 else reduced[sent]
        mesh.exchange({following: _bytes(chunk)},
                      {previous: _Reduce(own[received], reduced[received], _ufunc(op), scratch)})
    if op == "average":
        reduced[following] /= mesh.size
    _ring_allgather(mesh, reduced, following)
    return result


def _ring_allgather(mesh: Mesh, chunks: list[Array], owned: int) -> None:
    """Fill all chunks, of which each rank has chunk `owned`, one further than the previous rank's."""
    following, previous = (mesh.rank + 1) % mesh.size, (mesh.rank - 1) % mesh.size
    for step in range(mesh.size - 1):
        sent, received = chunks[(owned - step) % mesh.size], chunks[(owned - step - 1) % mesh.size]
        mesh.exchange({following: _bytes(sent)}, {previous: Fill(_bytes(received))})


def _ufunc(op: Op) -> Callable[..., Any]:
    return np.maximum if op == "max" else np.add


def _bytes(array: Array) -> memoryview:
    return array.reshape(-1).view(np.uint8).data
