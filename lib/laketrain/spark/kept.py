"""Frames that are computed once and kept while a stage works on them step by step.

    with Kept() as kept:
        frame = kept.keep(step(frame))
        aside = kept.hold(rejects)

A step that reads its rows more than once would compute them, and all steps before, each time. `keep` computes them for
good first, and lets go of what was kept before: so the table lies on the executors' disks once, however many steps
there are.
"""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING

from laketrain.spark.frames import persist

if TYPE_CHECKING:
    from pyspark.sql import DataFrame
    from typing_extensions import Self


class Kept:
    """The table so far, and small frames beside it."""

    def __init__(self) -> None:
        self._table: DataFrame | None = None
        self._small: list[DataFrame] = []
        self._aside: list[DataFrame] = []

    def keep(self, frame: DataFrame) -> DataFrame:
        """The table's rows so far, computed now and once."""
        kept = persist(frame)
        kept.count()
        self._release()
        self._table = kept
        return rooted(kept)

    def hold(self, frame: DataFrame) -> DataFrame:
        """Something small beside the table, computed once and kept until the table is kept anew."""
        held = persist(frame)
        self._small.append(held)
        return rooted(held)

    def set_aside(self, frame: DataFrame) -> DataFrame:
        """Something small, computed now and kept to the end."""
        aside = persist(frame)
        aside.count()
        self._aside.append(aside)
        return rooted(aside)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        self._release()
        for frame in self._aside:
            frame.unpersist()

    def _release(self) -> None:
        for frame in (*([self._table] if self._table is not None else []), *self._small):
            frame.unpersist()
        self._table, self._small = None, []


def rooted(kept: DataFrame) -> DataFrame:
    """The same rows under a plan of one leaf.

    A step that learns joins a frame with what was made of it, so that each would double the plan of the one before, and
    ten such steps never came out of Spark's optimiser. Unlike `localCheckpoint` this leaves Spark what it needs to make
    lost blocks again, and `unpersist` frees them.
    """
    from pyspark.sql import DataFrame

    spark, inner = kept.sparkSession, kept._jdf
    rows = inner.queryExecution().toRdd()
    return DataFrame(spark._jsparkSession.internalCreateDataFrame(rows, inner.schema(), False), spark)
