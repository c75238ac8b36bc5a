"""Every backend of one rank gives the same results, and the failure of a peer is recognised."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from tests.backends import EACH_BACKEND

from laketrain.distributed.backend import PeerFailed, is_peer_failure

# In a process of its own, since Horovod's state is global.
COLLECTIVES = """
import json, sys
import numpy as np
import tensorflow as tf
from laketrain.distributed.collectives.collectives import Collectives
from laketrain.distributed.collectives.serialization import to_json
from laketrain.distributed.backend import BACKENDS
from laketrain.distributed.keras.sync_batch_norm import moments_over_ranks
from laketrain.distributed.launch.reporter import LaunchSpec
from laketrain.distributed.launch.topology import rank_topologies
from laketrain.distributed.serial import SerialBackend

backend = SerialBackend() if sys.argv[1] == "serial" else BACKENDS[sys.argv[1]]
[topology] = rank_topologies(["here"])
spec = LaunchSpec("train", 1, "127.0.0.1", 0, "token", deadline=60.0, threads=None, cores=None)
backend.init(topology, spec, [backend.offer("127.0.0.1")])
collectives = Collectives(backend)
dense = tf.constant([[1.5, -2.0], [0.25, 4.0]])
rows = tf.IndexedSlices(tf.ones([3, 4]), tf.constant([7, 2, 7]), tf.constant([1 << 17, 4]))
sparse, sparse_half = (collectives.average([rows], dtype, dtype)[0] for dtype in ("float32", "float16"))
layer = type("Layer", (), {"_reduction_axes": [0]})()
variable = tf.Variable([1.0, 2.0])
collectives.broadcast([variable])
print(to_json({
    "size": backend.size(),
    "means": collectives.average([dense, None, tf.constant([1, 2])], "means"),
    "half": collectives.average([dense], "half", "float16")[0],
    "sparse": [[each.indices, each.values] for each in (sparse, sparse_half)],
    "sums": [collectives.sum_of(3), collectives.sum_of(0.5), collectives.sum_of(np.arange(3))],
    "gathered": collectives.gather({"rows": [1, 2]}),
    "variable": variable.numpy(),
    "moments": moments_over_ranks(layer, backend, "moments", dense, None),
}))
backend.shutdown()
"""


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["serial", *EACH_BACKEND])
def test_collectives_of_one_rank_are_the_same_with_every_backend(backend: str) -> None:
    process = subprocess.run([sys.executable, "-c", COLLECTIVES, backend], capture_output=True, text=True, check=True)
    results: dict[str, Any] = json.loads(process.stdout.splitlines()[-1])
    dense = np.array([[1.5, -2.0], [0.25, 4.0]])
    twice_and_once = [[7, 2], [[2.0] * 4, [1.0] * 4]]
    assert results == {
        "size": 1, "means": [dense.tolist(), None, [1.0, 2.0]], "half": dense.tolist(),
        "sparse": [twice_and_once] * 2, "sums": [3, 0.5, [0, 1, 2]], "gathered": [{"rows": [1, 2]}],
        "variable": [1.0, 2.0], "moments": [dense.mean(0).tolist(), dense.var(0).tolist()],
    }


@pytest.mark.parametrize(("error", "peer_failed"), [
    (PeerFailed("another rank failed"), True),
    (RuntimeError("HorovodAllreduce failed: [gloo/transport/tcp/pair.cc:589] Read error"), True),
    (RuntimeError("Horovod has been shut down. This was caused by an exception on one of the ranks"), True),
    (OSError("Connection reset by peer"), True),
    (ValueError("the batch is empty"), False),
])
def test_the_failure_of_a_peer_is_recognised(error: BaseException, peer_failed: bool) -> None:
    assert is_peer_failure(error) is peer_failed
