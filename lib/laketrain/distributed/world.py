"""A rank's view of the world: its number, the number of ranks, and the collectives of all ranks.

    world = World(rank=0, size=1)          # one rank: imports nothing, changes nothing
    world.sum(3.0)  ->  3.0;  world.gather({"rows": 7})  ->  [{"rows": 7}]

Each rank must make the same calls in the same order; each call waits for all ranks. A collective that fails raises.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from laketrain.distributed.collectives.collectives import Collectives


@dataclass(frozen=True)
class World:
    """The rank, the number of ranks, the rank on its own host, and the name of the backend that connects the ranks.

    Raises:
        ValueError: `rank` is outside `0 … size-1`.
    """

    rank: int
    size: int
    local_rank: int = 0
    backend: str = "horovod"

    def __post_init__(self) -> None:
        if self.size < 1 or not 0 <= self.rank < self.size:
            raise ValueError(f"a world of {self.size} has no rank {self.rank}")

    @property
    def is_chief(self) -> bool:
        """Whether this is rank 0, which writes checkpoints and reports for all ranks."""
        return self.rank == 0

    @property
    def is_serial(self) -> bool:
        """Whether there is one rank only, so that collectives return their input."""
        return self.size == 1

    def average(self, tensors: Sequence[Any], name: str = "average", wire_dtype: str = "float32") -> list[Any]:
        """The mean over the ranks of each tensor; `None`s stay `None`. Works inside `tf.function`.

        Args:
            tensors: tensors or arrays of the same shapes and dtypes, in the same order, on each rank. Sparse gradients
                (`tf.IndexedSlices`) may differ in their rows.
            name: distinguishes calls that may run at the same time.
            wire_dtype: the dtype in which floats are sent: float32 (float64 stays float64), float16 or bfloat16.
        """
        if self.is_serial:
            return list(tensors)
        return self._collectives.average(tensors, name, wire_dtype)

    def sum(self, value: Any) -> Any:
        """The sum over the ranks of a number or array, in the type of `value`."""
        return value if self.is_serial else self._collectives.sum_of(value)

    def gather(self, value: Any) -> list[Any]:
        """The JSON value of each rank, in rank order, on every rank. Tuples become lists."""
        return [json.loads(json.dumps(value))] if self.is_serial else self._collectives.gather(value)

    def broadcast(self, variables: Sequence[Any]) -> None:
        """Set `variables` (Keras or TensorFlow, any numeric dtype) to rank 0's values, bit for bit.

        Raises:
            RankError: on every rank, if variables differ from rank 0's in number, shape or dtype.
        """
        if not self.is_serial:
            self._collectives.broadcast(variables)

    def broadcast_model(self, model: Any, optimizer: Any = None) -> None:
        """Set the weights of `model` and the state of `optimizer`, if given, to rank 0's."""
        self.broadcast([*model.variables, *(optimizer.variables if optimizer is not None else [])])

    def barrier(self) -> None:
        """Wait until every rank has called this."""
        if not self.is_serial:
            self.sum(0)

    @property
    def _collectives(self) -> Collectives:
        from laketrain.distributed.backend import backend_for
        from laketrain.distributed.collectives.collectives import Collectives

        return Collectives(backend_for(self.size, self.backend))
