"""Output and errors of the backend that sends over TCP are parsed, and it holds no port that it doesn't need."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys

import pytest

from laketrain.distributed.backend import BACKENDS, backend_for, is_peer_failure
from laketrain.distributed.launch.rank_states import RankRegistry
from laketrain.distributed.tcp.mesh import STALL_WARNING, PeerLost
from laketrain.distributed.tensorflow import TensorflowBackend

# In a process of its own, since TensorFlow can't change the number of its threads.
GRAPH = """
import json, time
import tensorflow as tf
from laketrain.distributed.tcp import collectives
from laketrain.distributed.tcp.mesh import Mesh
from laketrain.distributed.tensorflow import TensorflowBackend

backend, names, weight = TensorflowBackend(), [], tf.Variable(10.0)
backend._connected = Mesh(0, {}, 60.0, 60.0)
allreduce = collectives.allreduce
collectives.allreduce = lambda mesh, array, op, name: names.append(name) or allreduce(mesh, array, op, name)


def late():
    return tf.ensure_shape(tf.numpy_function(lambda value: time.sleep(0.2) or value, [1.0], tf.float32), [])


def program(condition):
    # TensorFlow itself doesn't order a branch that uses a variable, and what is outside of it.
    first = tf.cond(condition, lambda: weight + backend.allreduce(late(), "sum", "then"), lambda: 0.0)
    return first, backend.allreduce(tf.constant(1.0), "sum", "after")


tf.function(program, autograph=False)(tf.constant(True))
print(json.dumps(names))
"""


def test_the_last_warning_has_the_missing_ranks() -> None:
    log = [f"{STALL_WARNING} 1, 2 for 20 s", "epoch 2", f"{STALL_WARNING} 1, 13 for 40 s", "end"]
    assert backend_for(14, "tensorflow").missing_ranks(log) == {1, 13}
    assert backend_for(14, "tensorflow").missing_ranks(["epoch 2"]) == set()


def test_a_rank_for_which_rank_0_waits_is_overdue_first() -> None:
    now = [100.0]
    registry = RankRegistry(3, "tensorflow", lambda: now[0])
    for state in registry.states:
        state.process, state.progress, state.progressed_at, state.heard_at = "p", 5, now[0], now[0]
    registry.states[0].log = [f"{STALL_WARNING} 2 for 20 s"]
    now[0] += 61
    for state in registry.states:
        state.heard_at = now[0]
    overdue = registry.overdue(60)
    assert overdue is not None
    assert overdue.rank == 2


@pytest.mark.parametrize(("message", "hint"), [
    ("InvalidArgumentError: Detected unsupported operations when trying to compile graph: PyFunc", "jit_compile=False"),
    ("CollectiveMismatch: this rank calls [allreduce", "each rank must make the same calls in the same order"),
])
def test_errors_have_a_next_step(message: str, hint: str) -> None:
    assert hint in backend_for(2, "tensorflow").hint(message)
    assert backend_for(2, "tensorflow").hint("ValueError: no such batch") == ""


def test_a_lost_peer_is_recognised_also_in_tensorflows_error() -> None:
    assert is_peer_failure(PeerLost("rank 1 closed its connection"))
    assert is_peer_failure(RuntimeError("UnknownError: PeerLost: rank 1 closed its connection\nTraceback …"))
    assert not BACKENDS["tensorflow"].is_peer_failure(ValueError("the batch is empty"))


def test_an_offer_that_is_withdrawn_closes_its_port() -> None:
    backend = TensorflowBackend()
    offer = backend.offer("127.0.0.1")
    assert offer is not None
    host, _, port = offer.rpartition(":")
    socket.create_connection((host, int(port))).close()
    backend.withdraw()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((host, int(port)))


def test_collectives_outside_a_launch_are_an_error() -> None:
    with pytest.raises(RuntimeError, match="inside the task of a launch"):
        TensorflowBackend().size()


@pytest.mark.slow
def test_collectives_of_a_graph_run_in_the_order_of_the_program_whatever_is_ready_first() -> None:
    environment = {**os.environ, "TF_NUM_INTEROP_THREADS": "4", "TF_NUM_INTRAOP_THREADS": "4"}
    process = subprocess.run([sys.executable, "-c", GRAPH], env=environment, capture_output=True, text=True, check=True)
    assert json.loads(process.stdout.splitlines()[-1]) == ["then", "after"]
