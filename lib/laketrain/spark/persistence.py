"""Persists the frames of a stage that transforms a table step by step, and unpersists them when it is done.

    with PersistedFrames() as frames:
        frame = frames.checkpoint(step(frame))
        rejects = frames.persist_until_exit(rejects)

A step that reads its rows more than once would compute them, and all steps before, each time. `checkpoint` computes the
table now and unpersists the previous one, so the executors' disks hold one copy, however many steps there are.
"""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING

from laketrain.spark.frames import persist

if TYPE_CHECKING:
    from pyspark.sql import DataFrame
    from typing_extensions import Self


class PersistedFrames:
    """The current state of the table, and small frames that the steps need. Use it as a context manager."""

    def __init__(self) -> None:
        self._table: DataFrame | None = None
        self._small: list[DataFrame] = []
        self._until_exit: list[DataFrame] = []

    def checkpoint(self, frame: DataFrame) -> DataFrame:
        """Computes the table now, and replaces the previous checkpoint and the small frames."""
        persisted = persist(frame)
        persisted.count()
        self._unpersist()
        self._table = persisted
        return truncate_plan(persisted)

    def persist(self, frame: DataFrame) -> DataFrame:
        """Persists a small frame until the next checkpoint. It is computed at its first use."""
        persisted = persist(frame)
        self._small.append(persisted)
        return truncate_plan(persisted)

    def persist_until_exit(self, frame: DataFrame) -> DataFrame:
        """Computes a small frame now, and keeps it until the context ends."""
        persisted = persist(frame)
        persisted.count()
        self._until_exit.append(persisted)
        return truncate_plan(persisted)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        self._unpersist()
        for frame in self._until_exit:
            frame.unpersist()

    def _unpersist(self) -> None:
        for frame in (*([self._table] if self._table is not None else []), *self._small):
            frame.unpersist()
        self._table, self._small = None, []


def truncate_plan(persisted: DataFrame) -> DataFrame:
    """The same rows with a logical plan of a single leaf.

    A step that learns joins a frame with what it computed from it, which doubles the plan; after ten such steps Spark's
    optimiser doesn't finish. Unlike `localCheckpoint`, Spark can still recompute lost blocks, and `unpersist` frees
    them.
    """
    from pyspark.sql import DataFrame

    spark, inner = persisted.sparkSession, persisted._jdf
    rows = inner.queryExecution().toRdd()
    return DataFrame(spark._jsparkSession.internalCreateDataFrame(rows, inner.schema(), False), spark)
