"""Checks that all ranks have equal weights, before rank 0 saves a checkpoint.

    check_replicas_equal(networks, world)
"""

from __future__ import annotations

import hashlib

from laketrain.distributed import World
from laketrain.errors import DataError
from laketrain.models.networks import Networks


def check_replicas_equal(networks: Networks, world: World) -> None:
    """Every rank calls it. Raises DataError: a relaunch would continue from weights that only rank 0 has."""
    if world.is_serial:
        return
    digests = world.gather(weights_digest(networks))
    for rank, digest in enumerate(digests):
        if digest != digests[0]:
            raise DataError("train", f"rank {rank}", "weights differ from rank 0",
                            "callbacks run on rank 0 only and must not change weights, nor the learning rate except at "
                            "the beginning or end of an epoch; a train step of your own must apply averaged gradients")


def weights_digest(networks: Networks) -> str:
    """SHA-256 over the bytes of all weights, in the networks' and layers' order."""
    digest = hashlib.sha256()
    for network in networks.values():
        for weight in network.get_weights():
            digest.update(weight.tobytes())
    return digest.hexdigest()
