"""Ranks on Spark: processes that train one model together.

    from laketrain.distributed import World, launch

    def task(world, report):
        report({"step": 1, "loss": 0.5})
        return {"rank": world.rank, "total": world.sum(world.rank)}

    results = launch(spark, task, ranks=4, on_event=lambda rank, event: print(rank, event))

`launch/` starts ranks and supervises them, `collectives/` exchanges values between them, `keras/` extends optimizers
and layers, only `horovod.py` imports Horovod. Importing this imports neither TensorFlow, Horovod nor Spark.
"""

from __future__ import annotations

from laketrain.distributed.keras.batch_norm import average_moving_statistics, synchronise_batch_norm
from laketrain.distributed.keras.optimizer import average_accumulated_gradients, distribute, gradient_sync_seconds
from laketrain.distributed.launch.launch import launch
from laketrain.distributed.world import World

__all__ = ["World", "average_accumulated_gradients", "average_moving_statistics", "distribute", "gradient_sync_seconds",
           "launch", "synchronise_batch_norm"]
