"""Dates, timestamps and numbers as one kind of number, so that times can be compared and subtracted."""

from __future__ import annotations

from pyspark.sql import Column
from pyspark.sql import functions as F

from laketrain.config.widening import is_time, plain

_DAY = 86_400_000_000


def instant(time: Column, kind: str) -> Column:
    """A time as a number: microseconds for dates and timestamps. NaN is no time.

    Args:
        kind: the type in which times are compared, which holds those of the column.
    """
    if plain(kind) == "date":
        return F.unix_date(time).cast("bigint") * _DAY
    if is_time(kind):
        return F.unix_micros(time.cast("timestamp"))
    if plain(kind) in ("float", "double"):
        return F.when(~F.isnan(time), time.cast("double"))
    return time.cast(kind if plain(kind).startswith("decimal") else "decimal(20,0)")
