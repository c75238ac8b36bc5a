"""A world is a value, and the collectives of a world of one return their input."""

from __future__ import annotations

import pickle
import subprocess
import sys

import numpy as np
import pytest

from laketrain.distributed import World


def test_collectives_of_one_rank_return_their_input() -> None:
    world = World(0, 1)
    array = np.arange(3.0)
    assert world.is_chief
    assert world.average([array, None]) == [array, None]
    assert world.sum(2.5) == 2.5
    assert world.sum(array) is array
    assert world.gather({"rows": (1, 2)}) == [{"rows": [1, 2]}]
    world.broadcast([])
    world.barrier()


@pytest.mark.parametrize(("rank", "size"), [(-1, 1), (1, 1), (2, 2), (0, 0)])
def test_a_rank_outside_its_world_is_refused(rank: int, size: int) -> None:
    with pytest.raises(ValueError, match="has no rank"):
        World(rank, size)


def test_a_world_is_a_value() -> None:
    world = World(1, 4, local_rank=1)
    assert pickle.loads(pickle.dumps(world)) == world
    with pytest.raises(AttributeError):
        world.rank = 0  # type: ignore[misc]


def test_the_package_and_a_world_of_one_import_neither_tensorflow_nor_horovod_nor_spark() -> None:
    code = ("import sys; from laketrain.distributed import World, distribute, launch; w = World(0, 1); w.sum(1); "
            "w.gather(1); w.average([1.0]); "
            "o = type('O', (), {'apply': lambda self, grads: grads})(); distribute(o, w).apply([1.0, None]); "
            "print([m for m in ('tensorflow', 'keras', 'horovod', 'pyspark') if m in sys.modules])")
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
