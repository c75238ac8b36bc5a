"""Whether the ranks still have the same weights: asked before a checkpoint is saved, which is the chief's alone.

    refuse_parted(model, world)
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from laketrain.distributed import World
from laketrain.errors import DataError

if TYPE_CHECKING:
    import keras


def refuse_parted(model: keras.Model, world: World) -> None:
    """Every rank calls it. Raises DataError, since a relaunch would go on from what only the chief has."""
    if world.is_serial:
        return
    digests = world.gather(weights_digest(model))
    for rank, digest in enumerate(digests):
        if digest != digests[0]:
            raise DataError("train", f"rank {rank}", "has other weights than rank 0",
                            "a callback, which the chief alone calls, may not change weights, nor the learning rate "
                            "but where an epoch begins or ends; a step of your own must apply averaged gradients")


def weights_digest(model: keras.Model) -> str:
    """SHA-256 over the bytes of all weights, in the model's order."""
    digest = hashlib.sha256()
    for weight in model.get_weights():
        digest.update(weight.tobytes())
    return digest.hexdigest()
