"""Times in ORC that Spark wrote: instants, of which the file keeps what a clock in the writer's zone showed.

    zone = writers_zone(spark, file)                   # 'America/New_York'; '' where its clocks show UTC
    rows = as_instants(rows, file, {"at"}, zone)

ORC's own meaning is a time without a zone, so its readers, Spark's among them, give what that clock showed.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql import types as T

from laketrain.clean.reading.base import CORRUPT
from laketrain.clean.reading.grouped import BESIDE
from laketrain.clean.reading.landed import RawFile
from laketrain.errors import DataError
from laketrain.spark.frames import quoted, record
from laketrain.spark.zone import is_utc

_STEPS = ("INTERVAL -1 HOUR", "INTERVAL -30 MINUTE", "INTERVAL 30 MINUTE", "INTERVAL 1 HOUR")
"""By how much clocks are set back, in either direction."""


def writers_zone(spark: SparkSession, file: RawFile) -> str:
    """The zone of the machine that wrote the file, as Java names it; nothing where that is UTC, or there is no row."""
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
    """The rows of a file, and of others like it, whose columns `names` were read as if clocks in the zone showed UTC.
    A row with a time that such clocks showed twice, when they were set back, is refused.

    Args:
        rows: columns, then `_place`, `_problem` and CORRUPT.

    Raises DataError where times are within others.
    """
    nested = [name for name in sorted(names) if not isinstance(rows.schema[name].dataType, T.TimestampType)]
    if nested:
        raise DataError("clean", file.ref, f"column {nested[0]!r} has times within others, which Spark wrote on a "
                        f"machine whose clock showed {zone}", "write them as Parquet, or with "
                        "-Duser.timezone=UTC in spark.driver.extraJavaOptions and spark.executor.extraJavaOptions")
    own = [name for name in rows.columns if name not in BESIDE]
    for name in sorted(names):
        time, twice = _instant(F.col(quoted(name)), zone)
        why = F.when(twice, F.lit(f"has a time in {name!r} that clocks in {zone} showed twice, and ORC keeps no more"))
        rows = rows.withColumns({"_problem": F.coalesce(F.col("_problem"), why), name: time,
                                 CORRUPT: F.coalesce(F.col(CORRUPT), F.when(twice, record(own)))})
    return rows


def _instant(shown: Column, zone: str) -> tuple[Column, Column]:
    """The instant at which clocks of the zone showed a time, and whether they did so twice."""
    found = F.to_utc_timestamp(shown, zone)
    again = [F.from_utc_timestamp(found + F.expr(step), zone) == shown for step in _STEPS]
    return found, F.coalesce(*(F.when(one, F.lit(True)) for one in again), F.lit(False))
