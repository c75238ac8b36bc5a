"""Collectives of TensorFlow's tensors over TCP, without another library: nothing to install or to compile.

`tcp/` moves the bytes, between NumPy arrays; this makes operations of a TensorFlow graph of it. TensorFlow's own
collective operations are not used: docs/explanation/training-plane.md has the reasons.

A graph runs operations in any order that its edges allow, and ranks must run collectives in one order. So each reads a
variable before, and adds to it after: TensorFlow keeps the order of those as the function was written. Without the
variable it would not order a `tf.cond` that uses a variable (an optimizer that steps now and then) and what is outside.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from laketrain.distributed.launch.network import local_address_towards
from laketrain.distributed.tcp import collectives
from laketrain.distributed.tcp.connect import connect, listen
from laketrain.distributed.tcp.mesh import STALL_WARNING, Mesh
from laketrain.imports import import_tensorflow

if TYPE_CHECKING:
    import socket

    from laketrain.distributed.backend import ReduceOp
    from laketrain.distributed.launch.reporter import LaunchSpec
    from laketrain.distributed.launch.topology import RankTopology

Array = np.ndarray[Any, np.dtype[Any]]

SWITCH_SECONDS = 0.0005
"""While ranks are connected, a Python thread waits at most so long for another. With Python's default of 5 ms, a busy
thread (a reader of batches) delays each message by as much: 10 ms for 1 KB instead of 1 ms."""

_STALLED = re.compile(re.escape(STALL_WARNING) + r" ([\d, ]+) for ")


class TensorflowBackend:
    """Implements `laketrain.distributed.backend.Backend` for several ranks."""

    def __init__(self) -> None:
        self._listener: socket.socket | None = None
        self._connected: Mesh | None = None
        self._switch_interval = sys.getswitchinterval()
        self._order: Any = None

    def offer(self, driver: str) -> str | None:
        """The address of the port at which this rank listens, on the route to the driver."""
        self.withdraw()
        host = local_address_towards(driver)
        self._listener = listen(host)
        return f"{host}:{self._listener.getsockname()[1]}"

    def withdraw(self) -> None:
        if self._listener is not None:
            self._listener.close()
            self._listener = None

    def environment(self, topology: RankTopology, spec: LaunchSpec) -> dict[str, str]:
        return {}

    def init(self, topology: RankTopology, spec: LaunchSpec, offers: Sequence[str]) -> None:
        import_tensorflow()
        addresses = [(host, int(port)) for host, _, port in (offer.rpartition(":") for offer in offers)]
        timeout = spec.collective_seconds
        listener, self._listener = self._listener or listen("127.0.0.1"), None
        connections = connect(topology.rank, addresses, listener, spec.token, timeout)
        self._connected = Mesh(topology.rank, connections, timeout, spec.stall_seconds)
        self._switch_interval = sys.getswitchinterval()
        sys.setswitchinterval(SWITCH_SECONDS)

    def shutdown(self) -> None:
        sys.setswitchinterval(self._switch_interval)
        self._mesh.close()
        self._connected = None

    def size(self) -> int:
        return self._mesh.size

    def allreduce(self, tensor: Any, op: ReduceOp, name: str) -> Any:
        return self._run(lambda array: collectives.allreduce(self._mesh, array, op, name), tensor)

    def grouped_allreduce(self, tensors: Sequence[Any], op: ReduceOp, name: str) -> list[Any]:
        """The tensors travel as one, in the order in which they are given; their dtypes must be equal."""
        import tensorflow as tf

        tensors = [tf.convert_to_tensor(tensor) for tensor in tensors]
        if len(tensors) < 2:
            return [self.allreduce(tensor, op, name) for tensor in tensors]
        total = self.allreduce(tf.concat([tf.reshape(tensor, [-1]) for tensor in tensors], 0), op, name)
        parts = tf.split(total, [_elements(tensor) for tensor in tensors], num=len(tensors))
        return [tf.ensure_shape(tf.reshape(part, tf.shape(tensor)), tensor.shape)
                for part, tensor in zip(parts, tensors, strict=True)]

    def allgather(self, tensor: Any, name: str) -> Any:
        return self._run(lambda array: collectives.allgather(self._mesh, array, name), tensor, same_shape=False)

    def alltoall(self, tensor: Any, name: str) -> Any:
        return self._run(lambda array: collectives.alltoall(self._mesh, array, name), tensor)

    def broadcast(self, tensor: Any, name: str) -> Any:
        return self._run(lambda array: collectives.broadcast(self._mesh, array, name), tensor)

    def is_peer_failure(self, error: BaseException) -> bool:
        return "PeerLost" in f"{type(error).__name__} {error}"

    def missing_ranks(self, log: Sequence[str]) -> set[int]:
        warnings = [match[1] for match in map(_STALLED.match, log) if match]
        return {int(rank) for rank in warnings[-1].split(",")} if warnings else set()

    def hint(self, message: str) -> str:
        if "unsupported operations" in message and "PyFunc" in message:
            return "XLA can't compile a train step that averages gradients: compile the model with jit_compile=False"
        if "CollectiveMismatch" in message:
            return "each rank must make the same calls in the same order, also where only rank 0 writes"
        return ""

    @property
    def _mesh(self) -> Mesh:
        if self._connected is None:
            raise RuntimeError("the ranks aren't connected: collectives work inside the task of a launch")
        return self._connected

    def _run(self, collective: Callable[[Array], Array], tensor: Any, same_shape: bool = True) -> Any:
        """Apply `collective` to the tensor now, or when the graph runs.

        The result has the tensor's dtype, and its shape unless `same_shape` is false: then axis 0 may differ.
        """
        import tensorflow as tf

        tensor = tf.convert_to_tensor(tensor)
        if tf.executing_eagerly():
            return tf.convert_to_tensor(collective(tensor.numpy()))
        order = self._order_handle()
        turn = tf.raw_ops.ReadVariableOp(resource=order, dtype=tf.int64)
        result = tf.numpy_function(lambda array, _: collective(array), [tensor, turn], tensor.dtype)
        result.set_shape(tensor.shape if same_shape else [None, *tensor.shape[1:]])
        with tf.control_dependencies([result]):
            tf.raw_ops.AssignAddVariableOp(resource=order, value=tf.constant(1, tf.int64))
        return result

    def _order_handle(self) -> Any:
        """The variable that orders collectives: one for all graphs of this process, created outside any."""
        import tensorflow as tf

        if self._order is None:
            with tf.init_scope(), tf.device("CPU:0"):
                self._order = tf.Variable(0, dtype=tf.int64, trainable=False)
        return self._order.handle


def _elements(tensor: Any) -> Any:
    import tensorflow as tf

    count = tensor.shape.num_elements()
    return tf.size(tensor) if count is None else count
