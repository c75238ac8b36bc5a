"""The world of a rank: who it is, and what all ranks can do together.

    world = World(rank=0, size=1)          # serial is a world of one: imports nothing, changes nothing
    world.sum(3.0)  ->  3.0;  world.gather({"rows": 7})  ->  [{"rows": 7}]

Every rank must make the same calls in the same order; each call waits for all ranks. A failing collective raises.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class World:
    """One rank's view: its number, how many there are, and its number on its own host.

    Raises:
        ValueError: `rank` is outside `0 … size-1`.
    """

    rank: int
    size: int
    local_rank: int = 0

    def __post_init__(self) -> None:
        if self.size < 1 or not 0 <= self.rank < self.size:
            raise ValueError(f"a world of {self.size} has no rank {self.rank}")

    @property
    def is_chief(self) -> bool:
        """Whether this is rank 0, who writes checkpoints and speaks for all."""
        return self.rank == 0

    @property
    def is_serial(self) -> bool:
        """Whether there is nobody else, so that every call here is a no-op."""
        return self.size == 1

    def average(self, tensors: Sequence[Any], name: str = "average", wire: str = "float32") -> list[Any]:
        """The mean over the ranks of each tensor; `None`s stay `None`. Works inside `tf.function`.

        Args:
            tensors: tensors or arrays of the same shapes and dtypes, in the same order, on every rank. Sparse slices
                may differ in their rows.
            name: tells apart calls that may be in flight at the same time.
            wire: the dtype in which floats travel: float32 (float64 then keeps its own), float16 or bfloat16.
        """
        if self.is_serial:
            return list(tensors)
        from laketrain.distributed import collectives

        return collectives.average(tensors, name, wire)

    def sum(self, value: Any) -> Any:
        """The sum over the ranks of a number or array, of the type that came: `float` for a float, an array for one."""
        if self.is_serial:
            return value
        from laketrain.distributed import collectives

        return collectives.sum_of(value)

    def gather(self, value: Any) -> list[Any]:
        """Every rank's JSON value, in rank order, on every rank. JSON both ways: tuples come back as lists."""
        if self.is_serial:
            return [json.loads(json.dumps(value))]
        from laketrain.distributed import collectives

        return collectives.gather(value)

    def broadcast(self, variables: Sequence[Any]) -> None:
        """Set `variables` (Keras or TensorFlow, any numeric dtype) to the chief's values, bit for bit.

        Raises:
            RankError: on every rank, if some rank's variables differ from the chief's in number, shape or dtype.
        """
        if self.is_serial:
            return
        from laketrain.distributed import collectives

        collectives.broadcast(variables, self)

    def broadcast_model(self, model: Any, optimizer: Any = None) -> None:
        """Give every rank the chief's model weights and, if given, the optimizer's state."""
        self.broadcast([*model.variables, *(optimizer.variables if optimizer is not None else [])])

    def barrier(self) -> None:
        """Return when every rank has come here."""
        if not self.is_serial:
            self.sum(0)
