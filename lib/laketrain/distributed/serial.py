"""The backend of a world of one rank. It imports nothing, and collectives return what they receive."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from laketrain.distributed.backend import ReduceOp
    from laketrain.distributed.launch.reporter import LaunchSpec
    from laketrain.distributed.launch.topology import RankTopology


class SerialBackend:
    """Implements `laketrain.distributed.backend.Backend` for one rank."""

    def offer(self, driver: str) -> str | None:
        return ""

    def withdraw(self) -> None:
        """Holds nothing."""

    def environment(self, topology: RankTopology, spec: LaunchSpec) -> dict[str, str]:
        return {}

    def init(self, topology: RankTopology, spec: LaunchSpec, offers: Sequence[str]) -> None:
        """Nothing to connect to."""

    def shutdown(self) -> None:
        """Nothing to disconnect from."""

    def size(self) -> int:
        return 1

    def allreduce(self, tensor: Any, op: ReduceOp, name: str) -> Any:
        return tensor

    def grouped_allreduce(self, tensors: Sequence[Any], op: ReduceOp, name: str) -> list[Any]:
        return list(tensors)

    def allgather(self, tensor: Any, name: str) -> Any:
        return tensor

    def alltoall(self, tensor: Any, name: str) -> Any:
        return tensor

    def broadcast(self, tensor: Any, name: str) -> Any:
        return tensor

    def is_peer_failure(self, error: BaseException) -> bool:
        return False

    def missing_ranks(self, log: Sequence[str]) -> set[int]:
        return set()

    def hint(self, message: str) -> str:
        return ""
