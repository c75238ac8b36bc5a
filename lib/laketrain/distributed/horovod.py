"""Horovod with Gloo. The only module that imports Horovod, or knows its environment variables and messages.

Horovod matches the tensors of different ranks by name. Names are fixed and name scopes ignored, so that ranks whose
graphs differ in scopes (rank 0 also writes logs) still match.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
import re
import socket
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from laketrain.distributed.launch.network import interface_of, local_address_towards
from laketrain.errors import LaunchError
from laketrain.imports import TENSORFLOW_PACKAGES, import_tensorflow

if TYPE_CHECKING:
    from laketrain.distributed.backend import ReduceOp
    from laketrain.distributed.launch.reporter import LaunchSpec
    from laketrain.distributed.launch.topology import RankTopology

# Errors of Horovod and Gloo after another rank has gone: an effect, never the first cause.
_PEER_FAILURE = re.compile(r"HorovodInternalError|Horovod has been shut down|gloo/transport|Connection closed by peer"
                           r"|Connection reset by peer")
_MISSING_RANK = re.compile(r"^(\d+)!?: \[")


class HorovodBackend:
    """Implements `laketrain.distributed.backend.Backend` for several ranks."""

    def offer(self, driver: str) -> str | None:
        return "" if is_built_for_this_tensorflow() else None

    def withdraw(self) -> None:
        """Holds nothing before `init`."""

    def environment(self, topology: RankTopology, spec: LaunchSpec) -> dict[str, str]:
        driver = socket.gethostbyname(spec.host)
        return {
            "HOROVOD_RANK": str(topology.rank), "HOROVOD_SIZE": str(topology.size),
            "HOROVOD_LOCAL_RANK": str(topology.local_rank), "HOROVOD_LOCAL_SIZE": str(topology.local_size),
            "HOROVOD_CROSS_RANK": str(topology.cross_rank), "HOROVOD_CROSS_SIZE": str(topology.cross_size),
            "HOROVOD_HOSTNAME": f"h{topology.host}",
            "HOROVOD_CONTROLLER": "gloo", "HOROVOD_CPU_OPERATIONS": "gloo",
            # Gloo's client concatenates "http://", this, ":", the port and the path. So each path contains the token.
            "HOROVOD_GLOO_RENDEZVOUS_ADDR": f"{driver}:{spec.port}/{spec.token}", "HOROVOD_GLOO_RENDEZVOUS_PORT": "0",
            "HOROVOD_GLOO_IFACE": interface_of(local_address_towards(driver)),
            "HOROVOD_GLOO_TIMEOUT_SECONDS": str(int(spec.collective_seconds)),
            "HOROVOD_STALL_CHECK_TIME_SECONDS": str(int(spec.stall_seconds)),
        }

    def init(self, topology: RankTopology, spec: LaunchSpec, offers: Sequence[str]) -> None:
        import_tensorflow()
        _checked_import(spec.name).init()

    def shutdown(self) -> None:
        _horovod().shutdown()

    def size(self) -> int:
        return int(_horovod().size())

    def allreduce(self, tensor: Any, op: ReduceOp, name: str) -> Any:
        return _horovod().allreduce(tensor, op=_op(op), name=_scoped(name), ignore_name_scope=True)

    def grouped_allreduce(self, tensors: Sequence[Any], op: ReduceOp, name: str) -> list[Any]:
        return list(_horovod().grouped_allreduce(list(tensors), op=_op(op), name=_scoped(name),
                                                 ignore_name_scope=True))

    def allgather(self, tensor: Any, name: str) -> Any:
        return _horovod().allgather(tensor, name=_scoped(name), ignore_name_scope=True)

    def alltoall(self, tensor: Any, name: str) -> Any:
        return _horovod().alltoall(tensor, name=_scoped(name), ignore_name_scope=True)

    def broadcast(self, tensor: Any, name: str) -> Any:
        return _horovod().broadcast(tensor, root_rank=0, name=_scoped(name), ignore_name_scope=True)

    def is_peer_failure(self, error: BaseException) -> bool:
        return bool(_PEER_FAILURE.search(f"{type(error).__name__} {error}"))

    def missing_ranks(self, log: Sequence[str]) -> set[int]:
        missing: set[int] = set()
        in_list = False
        for line in log:
            match = _MISSING_RANK.match(line)
            if line.endswith("Missing ranks:"):
                missing, in_list = set(), True
            elif in_list and match:
                missing.add(int(match[1]))
            else:
                in_list = False
        return missing

    def hint(self, message: str) -> str:
        if "unsupported operations" in message and "Horovod" in message:
            return "XLA can't compile a train step that averages gradients: compile the model with jit_compile=False"
        return ""


def _checked_import(stage: str) -> Any:
    """Horovod's module. It was built by a compiler, so its import may fail where the package is there."""
    try:
        hvd = _horovod()
        problem = "" if hvd.gloo_built() else "was built without Gloo"
    except Exception as error:  # TensorFlow's NotFoundError for a missing symbol, ImportError, OSError
        problem = f"can't be imported: {' '.join(str(error).split())[:200]}"
    if problem:
        raise LaunchError(stage, "backend 'horovod'", problem,
                          "run `make setup`, which builds it again, or set train.backend to tensorflow")
    return hvd


def is_built_for_this_tensorflow() -> bool:
    """Whether Horovod is installed and was built for the installed version of TensorFlow. Imports neither.

    A build for another version fails when it is imported.
    """
    spec = importlib.util.find_spec("horovod")
    if spec is None or spec.origin is None:
        return False
    try:
        built_for = json.loads(Path(spec.origin).with_name("metadata.json").read_text(encoding="utf-8"))["tensorflow"]
    except (OSError, ValueError, KeyError):
        return False
    return built_for in {_version(name) for name in TENSORFLOW_PACKAGES}


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _horovod() -> Any:
    import horovod.tensorflow

    return horovod.tensorflow


def _op(op: ReduceOp) -> Any:
    hvd = _horovod()
    return {"average": hvd.Average, "sum": hvd.Sum, "max": hvd.Max}[op]


def _scoped(name: str) -> str:
    """Tensor names of ours don't collide with those of code that calls Horovod itself."""
    return f"laketrain_{name}"
