"""The time zone of the JVMs. Java converts between local times and instants by it, not by the session's time zone.

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
_original_zone: Any = None


def is_utc(zone: str) -> bool:
    """Whether a zone, by its name in Java, is UTC."""
    return zone in _UTC


@contextmanager
def utc(spark: SparkSession) -> Iterator[None]:
    """Sets the driver's JVM to UTC inside the block. The zone is restored when the last of several threads leaves."""
    global _users, _original_zone
    zones = spark._jvm.java.util.TimeZone if spark._jvm is not None else None
    if zones is None:
        yield
        return
    with _lock:
        if _users == 0:
            _original_zone = zones.getDefault()
            zones.setDefault(zones.getTimeZone("UTC"))
        _users += 1
    try:
        yield
    finally:
        with _lock:
            _users -= 1
            if _users == 0:
                zones.setDefault(_original_zone)


def require_utc(spark: SparkSession, stage: str, subject: str) -> None:
    """Raises LaunchError where an executor's JVM isn't in UTC. In local mode executors share the driver's JVM."""
    context = spark.sparkContext
    if re.match(r"local(\[|$)", str(context.master)):
        return
    from pyspark.sql import functions as F

    parts = context.defaultParallelism
    zone = F.expr("java_method('java.time.ZoneId', 'systemDefault')").alias("zone")
    zones = {str(row["zone"]) for row in spark.range(0, parts, 1, parts).select(zone).distinct().collect()}
    if others := sorted(name for name in zones if not is_utc(name)):
        raise LaunchError(stage, subject, f"executors run in the zone {others[0]}, by which Java would shift times",
                          f"start Spark with spark.executor.extraJavaOptions={OPTION}")
