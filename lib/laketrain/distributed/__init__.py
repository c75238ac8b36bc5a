"""Ranks on Spark: a world of processes that train one model together. The only room that knows Horovod.

    from laketrain.distributed import World, launch

    def task(world, report):
        report({"step": 1, "loss": 0.5})
        return {"rank": world.rank, "total": world.sum(world.rank)}

    results = launch(spark, task, ranks=4, on_event=lambda rank, event: print(rank, event))

Nothing here imports TensorFlow, Horovod or Spark before it is used.
"""

from __future__ import annotations

from laketrain.distributed.launch import launch
from laketrain.distributed.optimizer import average_accumulated, averaging_seconds, distribute
from laketrain.distributed.statistics import average_statistics, synchronise
from laketrain.distributed.world import World

__all__ = ["World", "average_accumulated", "average_statistics", "averaging_seconds", "distribute", "launch",
           "synchronise"]
