"""Dispatches sources whose rows Spark reads (Kafka, JDBC, connectors) to the function of their kind.

    for version in ingest_rows(spark, lake, "events", source): ...
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from pyspark.sql import SparkSession

from laketrain.config.sources import BaseSource
from laketrain.ingest.kafka import ingest_kafka
from laketrain.ingest.tables import ingest_table
from laketrain.lake import Lake, Version

_KINDS: Mapping[str, Callable[[SparkSession, Lake, str, Any], Iterator[Version]]] = {
    "kafka": ingest_kafka, "jdbc": ingest_table, "connector": ingest_table}


def ingest_rows(spark: SparkSession, lake: Lake, name: str, source: BaseSource) -> Iterator[Version]:
    """Ingests the new rows of the source, and yields each version of `raw/<name>` as it is committed; none if no rows
    are new. Raises the errors of the kind's function."""
    return _KINDS[source.tag](spark, lake, name, source)
