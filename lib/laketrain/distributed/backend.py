"""The library that connects ranks, as a protocol. `horovod.py` implements it, `serial.py` does for a single rank.

    backend = backend_for(world.size)
    total = backend.allreduce(tensor, "sum", "loss")

Tensors are TensorFlow's. Collectives work eagerly and inside `tf.function`. Each rank must call the same collectives,
with the same names, in the same order; a call returns when all ranks have made it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal, Protocol

from laketrain.distributed.horovod import HorovodBackend
from laketrain.distributed.serial import SerialBackend

if TYPE_CHECKING:
    from laketrain.distributed.launch.reporter import LaunchSpec
    from laketrain.distributed.launch.topology import RankTopology

ReduceOp = Literal["average", "sum", "max"]


class PeerFailed(Exception):
    """This rank must stop because another rank failed."""


class Backend(Protocol):
    """What laketrain needs of a library that connects ranks."""

    def environment(self, topology: RankTopology, spec: LaunchSpec) -> dict[str, str]:
        """The environment variables that a rank needs before `init`."""
        ...

    def init(self) -> None:
        """Connect to the other ranks. Returns when all have called it."""
        ...

    def shutdown(self) -> None:
        """Disconnect. Waits for the other ranks, so don't call it after a failure."""
        ...

    def size(self) -> int:
        """The number of ranks."""
        ...

    def allreduce(self, tensor: Any, op: ReduceOp, name: str) -> Any:
        """The tensors of all ranks, of one shape and dtype, reduced element by element."""
        ...

    def grouped_allreduce(self, tensors: Sequence[Any], op: ReduceOp, name: str) -> list[Any]:
        """`allreduce` of several tensors in one operation."""
        ...

    def allgather(self, tensor: Any, name: str) -> Any:
        """The tensors of all ranks, concatenated along axis 0 in rank order. Ranks may differ in that axis."""
        ...

    def alltoall(self, tensor: Any, name: str) -> Any:
        """Send part i of `size` equal parts along axis 0 to rank i; the received parts, concatenated in rank order."""
        ...

    def broadcast(self, tensor: Any, name: str) -> Any:
        """The tensor of rank 0."""
        ...

    def is_peer_failure(self, error: BaseException) -> bool:
        """Whether a collective raised `error` because another rank has gone."""
        ...

    def missing_ranks(self, log: Sequence[str]) -> set[int]:
        """The ranks that a collective still waits for, by the last warning in rank 0's `log`."""
        ...

    def hint(self, message: str) -> str:
        """The next step after an error of this library; empty if unknown."""
        ...


_HOROVOD: Backend = HorovodBackend()
_SERIAL: Backend = SerialBackend()


def backend_for(size: int) -> Backend:
    """The backend of a world of `size` ranks: Horovod, or none where there is one rank."""
    return _SERIAL if size == 1 else _HOROVOD


def is_peer_failure(error: BaseException) -> bool:
    """Whether `error` is only the effect of another rank's failure."""
    return isinstance(error, PeerFailed) or _HOROVOD.is_peer_failure(error)
