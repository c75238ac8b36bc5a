"""The step `union`: appends the rows of other tables, column by column of the same name.

    result = union(TableRows("clean/visits", frame, 900), step, tables, context)
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import reduce

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from laketrain.config.integrate import StepContext, Union
from laketrain.integrate.base import StepResult, TableRows, column


def union(table: TableRows, step: Union, tables: Mapping[str, TableRows], context: StepContext) -> StepResult:
    """The rows of `table`, then those of the others, each with the columns of all of them."""
    columns = step.columns_of(context) or {}
    parts = [(context.first_table, table), *((name, tables[name]) for name in step.tables)]
    frames = [part.frame.select(*(_cast(part.frame, name, kind) for name, kind in columns.items()),
                                *([F.lit(source).alias(step.source_column)] if step.source_column else []))
              for source, part in parts]
    added = {name: tables[name].rows for name in step.tables}
    return StepResult(reduce(DataFrame.unionByName, frames), table.rows + sum(added.values()),
                      counts={"added": added})


def _cast(frame: DataFrame, name: str, kind: str) -> Column:
    value = column(name) if name in frame.columns else F.lit(None)
    return value.cast(kind).alias(name)
