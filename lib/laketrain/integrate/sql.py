"""One SELECT over the rows so far.

    done = sql(Side("clean/pixels", frame, 258), step, "digits")
"""

from __future__ import annotations

from laketrain.config.integrate import Sql
from laketrain.integrate.base import Done, Side
from laketrain.spark.frames import quoted


def sql(table: Side, step: Sql, view: str) -> Done:
    """What the query makes of `table`, which it sees as `view`."""
    spark = table.frame.sparkSession
    table.frame.createOrReplaceTempView(quoted(view))
    try:
        return Done(spark.sql(step.query))
    finally:
        spark.catalog.dropTempView(view)
