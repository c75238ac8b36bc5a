"""One table under its rules: which frames are kept meanwhile, and what the rules have to say afterwards.

    with Judging() as judging:
        frame = judging.keep(frame)
        judging.fitted.append({"rule": "outliers(x)", ...})

A rule that learns from the rows reads them more than once. `keep` computes them for good first, and lets go of what was
kept before, so that the table lies in memory or on local disk once, however many rules learn from it.
"""

from __future__ import annotations

from types import TracebackType
from typing import Any

from pyspark import StorageLevel
from pyspark.sql import DataFrame


class Judging:
    """What happens beside the frame.

    fitted: what rules learnt, for the version's `meta`. imputed: filled cells by rule, for its counts.
    """

    def __init__(self) -> None:
        self.fitted: list[dict[str, Any]] = []
        self.imputed: dict[str, int] = {}
        self._table: DataFrame | None = None
        self._small: list[DataFrame] = []

    def keep(self, frame: DataFrame) -> DataFrame:
        """The table's rows so far, computed now and once."""
        kept = frame.persist(StorageLevel.MEMORY_AND_DISK)
        kept.count()
        self._release()
        self._table = kept
        return _rooted(kept)

    def hold(self, frame: DataFrame) -> DataFrame:
        """Something small beside the table, computed once and kept until the table is kept anew."""
        held = frame.persist(StorageLevel.MEMORY_AND_DISK)
        self._small.append(held)
        return _rooted(held)

    def __enter__(self) -> Judging:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        self._release()

    def _release(self) -> None:
        for frame in (*([self._table] if self._table is not None else []), *self._small):
            frame.unpersist()
        self._table, self._small = None, []


def _rooted(kept: DataFrame) -> DataFrame:
    """The same rows under a plan of one leaf.

    A rule that learns joins a frame with what was made of it, so that each would double the plan of the one before, and
    ten such rules never came out of Spark's optimiser. Unlike `localCheckpoint` this leaves Spark what it needs to make
    lost blocks again, and `unpersist` frees them.
    """
    spark, inner = kept.sparkSession, kept._jdf
    rows = inner.queryExecution().toRdd()
    return DataFrame(spark._jsparkSession.internalCreateDataFrame(rows, inner.schema(), False), spark)
