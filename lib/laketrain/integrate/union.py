"""The rows of several tables under each other, column by column of the same name.

    done = union(Side("clean/visits", frame, 900), step, tables)
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import reduce

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from laketrain.config.integrate import Standing, Union
from laketrain.integrate.base import Done, Side, column


def union(table: Side, step: Union, tables: Mapping[str, Side], here: Standing) -> Done:
    """`table` and below it the others, each with all columns of all of them."""
    columns = step.columns_of(here) or {}
    parts = [(here.begins, table), *((name, tables[name]) for name in step.tables)]
    frames = [side.frame.select(*(_as(side.frame, name, kind) for name, kind in columns.items()),
                                *([F.lit(called).alias(step.source_column)] if step.source_column else []))
              for called, side in parts]
    added = {name: tables[name].rows for name in step.tables}
    return Done(reduce(DataFrame.unionByName, frames), table.rows + sum(added.values()), counts={"added": added})


def _as(frame: DataFrame, name: str, kind: str) -> Column:
    value = column(name) if name in frame.columns else F.lit(None)
    return value.cast(kind).alias(name)
