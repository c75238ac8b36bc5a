"""What connects ranks, as a protocol: `horovod.py` and `tensorflow.py` implement it, `serial.py` for a single rank.

    backend = backend_for(world.size, world.backend)
    total = backend.allreduce(tensor, "sum", "loss")

All ranks of a launch use one backend. Each rank offers those that are installed where it runs, and the driver chooses
(`choose_backend`) once all have joined.

Tensors are TensorFlow's. Collectives work eagerly and inside `tf.function`. Each rank must call the same collectives,
with the same names, in the same order; a call returns when all ranks have made it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, Protocol

from laketrain.distributed.horovod import HorovodBackend
from laketrain.distributed.serial import SerialBackend
from laketrain.distributed.tensorflow import TensorflowBackend
from laketrain.errors import LaunchError, nearest

if TYPE_CHECKING:
    from laketrain.distributed.launch.reporter import LaunchSpec
    from laketrain.distributed.launch.topology import RankTopology

ReduceOp = Literal["average", "sum", "max"]
Offers = Mapping[str, str]
"""The backends that one rank has, each with the text that the other ranks' `init` receives."""

AUTO = "auto"


class PeerFailed(Exception):
    """This rank must stop because another rank failed."""


class Backend(Protocol):
    """What laketrain needs of a library that connects ranks."""

    def offer(self, driver: str) -> str | None:
        """The text that the other ranks' `init` needs of this rank; None if this backend isn't installed here.

        Args:
            driver: the host of the rendezvous server.
        """
        ...

    def withdraw(self) -> None:
        """Release what `offer` holds, since the driver chose another backend."""
        ...

    def environment(self, topology: RankTopology, spec: LaunchSpec) -> dict[str, str]:
        """The environment variables that a rank needs before `init`."""
        ...

    def init(self, topology: RankTopology, spec: LaunchSpec, offers: Sequence[str]) -> None:
        """Connect to the other ranks. Returns when all have called it.

        Args:
            offers: of all ranks, in rank order.
        """
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


BACKENDS: dict[str, Backend] = {"horovod": HorovodBackend(), "tensorflow": TensorflowBackend()}
"""By the names that `train.backend` has, the one that `auto` prefers first."""
_SERIAL: Backend = SerialBackend()


def backend_for(size: int, name: str) -> Backend:
    """The backend `name` of a world of `size` ranks; none is needed where there is one rank."""
    return _SERIAL if size == 1 else BACKENDS[name]


def check_backend(name: str, stage: str) -> None:
    """Refuse a name that is neither `auto` nor one of `BACKENDS`."""
    if name not in (AUTO, *BACKENDS):
        raise LaunchError(stage, "backend", f"got {name!r}, expected {AUTO}, {' or '.join(BACKENDS)}",
                          nearest(str(name), (AUTO, *BACKENDS)))


def choose_backend(requested: str, offers: Sequence[Offers]) -> str:
    """The backend of a launch: the requested one or, for `auto`, the first that all ranks have.

    Args:
        offers: those of each rank, in rank order.
    """
    if requested != AUTO:
        return requested
    return next((name for name in BACKENDS if all(name in each for each in offers)), next(iter(BACKENDS)))


def is_peer_failure(error: BaseException) -> bool:
    """Whether `error` is only the effect of another rank's failure."""
    return isinstance(error, PeerFailed) or any(backend.is_peer_failure(error) for backend in BACKENDS.values())
