"""The zone of the JVMs: by it, and not by the session's, Java turns a wall time into an instant and back.

    with utc(spark): ...
    require_utc(spark, "ingest", "source 'orders'")
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from laketrain.errors import LaunchError

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

OPTION = "-Duser.timezone=UTC"
_UTC = frozenset({"UTC", "Z", "GMT", "Etc/UTC", "Etc/GMT", "Etc/UCT", "UCT", "Zulu", "Universal", "Greenwich"})
_lock = threading.Lock()
_users = 0
_before: Any = None


def is_utc(zone: str) -> bool:
    """Whether clocks in a zone, as Java names it, show UTC."""
    return zone in _UTC


@contextmanager
def utc(spark: SparkSession) -> Iterator[None]:
    """The driver's JVM in UTC inside, and as it was when the last of several threads leaves."""
    global _users, _before
    zones = spark._jvm.java.util.TimeZone if spark._jvm is not None else None
    if zones is None:
        yield
        return
    with _lock:
        if _users == 0:
            _before = zones.getDefault()
            zones.setDefault(zones.getTimeZone("UTC"))
        _users += 1
    try:
        yield
    finally:
        with _lock:
            _users -= 1
            if _users == 0:
                zones.setDefault(_before)


def require_utc(spark: SparkSession, stage: str, subject: str) -> None:
    """Raises LaunchError where an executor's JVM is in another zone. In local mode it is the driver's."""
    context = spark.sparkContext
    if re.match(r"local(\[|$)", str(context.master)):
        return
    from pyspark.sql import functions as F

    parts = context.defaultParallelism
    asked = F.expr("java_method('java.time.ZoneId', 'systemDefault')").alias("zone")
    found = {str(row["zone"]) for row in spark.range(0, parts, 1, parts).select(asked).distinct().collect()}
    if other := sorted(zone for zone in found if not is_utc(zone)):
        raise LaunchError(stage, subject, f"executors run in the zone {other[0]}, by which Java would shift times",
                          f"start Spark with spark.executor.extraJavaOptions={OPTION}")
