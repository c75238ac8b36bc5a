"""Instants in ORC files that Spark wrote: ORC stores them as local times of the writer's zone.

    zone = writers_zone(spark, file)                   # 'America/New_York'; '' if it is UTC
    rows = as_instants(rows, file, {"at"}, zone)

ORC defines these times as zoneless, so readers, including Spark, return the writer's local time.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql import types as T

from laketrain.clean.reading.base import CORRUPT
from laketrain.clean.reading.columnar.row_groups import EXTRA_COLUMNS
from laketrain.clean.reading.raw_files import RawFile
from laketrain.errors import DataError
from laketrain.spark.frames import quoted, record
from laketrain.spark.zone import is_utc

_STEPS = ("INTERVAL -1 HOUR", "INTERVAL -30 MINUTE", "INTERVAL 30 MINUTE", "INTERVAL 1 HOUR")
"""Offsets by which clocks may be set back, in both directions."""


def writers_zone(spark: SparkSession, file: RawFile) -> str:
    """The time zone of the file's writer, as Java names it; empty if it is UTC, or the file has no rows."""
    jvm: Any = spark._jvm
    jsc: Any = spark._jsc
    orc = jvm.org.apache.orc.OrcFile
    reader = orc.createReader(jvm.org.apache.hadoop.fs.Path(file.url), orc.readerOptions(jsc.hadoopConfiguration()))
    rows = None
    try:
        if reader.getStripes().isEmpty():
            return ""
        rows = reader.rows()
        zone = str(rows.readStripeFooter(reader.getStripes().get(0)).getWriterTimezone())
    finally:
        if rows is not None:
            rows.close()
        reader.close()
    return "" if is_utc(zone) else zone


def as_instants(rows: DataFrame, file: RawFile, names: Collection[str], zone: str) -> DataFrame:
    """Converts the columns `names` from local times of `zone` to instants.

    A local time that occurred twice, because clocks were set back, rejects the row.

    Args:
        rows: the rows of `file` and similar ones: columns, then EXTRA_COLUMNS.

    Raises DataError if a column has nested times.
    """
    nested = [name for name in sorted(names) if not isinstance(rows.schema[name].dataType, T.TimestampType)]
    if nested:
        raise DataError("clean", file.ref, f"column {nested[0]!r} has nested times, which Spark wrote on a machine in "
                        f"the time zone {zone}", "write them as Parquet, or with "
                        "-Duser.timezone=UTC in spark.driver.extraJavaOptions and spark.executor.extraJavaOptions")
    columns = [name for name in rows.columns if name not in EXTRA_COLUMNS]
    for name in sorted(names):
        time, twice = _instant(F.col(quoted(name)), zone)
        problem = F.when(twice, F.lit(f"has a time in {name!r} that occurred twice in {zone}; ORC doesn't store which"))
        rows = rows.withColumns({"_problem": F.coalesce(F.col("_problem"), problem), name: time,
                                 CORRUPT: F.coalesce(F.col(CORRUPT), F.when(twice, record(columns)))})
    return rows


def _instant(local: Column, zone: str) -> tuple[Column, Column]:
    """The instant of a local time in the zone, and whether the local time occurred twice."""
    instant = F.to_utc_timestamp(local, zone)
    again = [F.from_utc_timestamp(instant + F.expr(step), zone) == local for step in _STEPS]
    return instant, F.coalesce(*(F.when(same, F.lit(True)) for same in again), F.lit(False))
