"""The step `sql`: one SELECT over the rows so far.

    result = sql(TableRows("clean/pixels", frame, 258), step, "digits")
"""

from __future__ import annotations

from laketrain.config.integrate import Sql
from laketrain.integrate.base import StepResult, TableRows
from laketrain.spark.frames import quoted


def sql(table: TableRows, step: Sql, view: str) -> StepResult:
    """The result of the query, which reads `table` as `view`."""
    spark = table.frame.sparkSession
    table.frame.createOrReplaceTempView(quoted(view))
    try:
        return StepResult(spark.sql(step.query))
    finally:
        spark.catalog.dropTempView(view)
