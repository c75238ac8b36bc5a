"""Dates, timestamps and numbers as one kind of number, so that times can be compared and subtracted."""

from __future__ import annotations

from pyspark.sql import Column
from pyspark.sql import functions as F

from laketrain.config.sql.widening import is_time, plain

_MICROSECONDS_PER_DAY = 86_400_000_000


def instant(time: Column, kind: str) -> Column:
    """A time as a number: microseconds for dates and timestamps; null for NaN.

    Args:
        kind: the type in which times are compared. It holds every value of the column.
    """
    if plain(kind) == "date":
        return F.unix_date(time).cast("bigint") * _MICROSECONDS_PER_DAY
    if is_time(kind):
        return F.unix_micros(time.cast("timestamp"))
    if plain(kind) in ("float", "double"):
        return F.when(~F.isnan(time), time.cast("double"))
    return time.cast(kind if plain(kind).startswith("decimal") else "decimal(20,0)")
