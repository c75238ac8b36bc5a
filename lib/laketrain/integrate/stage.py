"""From committed versions to one integrated table and its quarantine.

    version = integrate(spark, tables, "digits", config, key)      # tables: name to the version that is read
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from functools import reduce
from typing import Any

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import types as T

from laketrain.config.integrate import IntegrateTable
from laketrain.config.integrate.history import MOST
from laketrain.integrate.base import Side
from laketrain.integrate.steps import Road
from laketrain.lake import Draft, Version, fingerprint
from laketrain.lake.contents import list_data_files
from laketrain.lake.quarantine import COLUMNS, commit_rejects
from laketrain.lake.version import parent_fields
from laketrain.spark.errors import translate_spark_errors
from laketrain.spark.frames import SESSION_CONF, configured, counts_by, read, replace_invalid_utf8, write
from laketrain.spark.persistence import PersistedFrames

REVISION = 3

SETTINGS = {
    **SESSION_CONF,
    # A key that holds most rows: its part of a join is cut into tasks of this size, in the rows of a kept frame too.
    "spark.sql.adaptive.advisoryPartitionSizeInBytes": "16m",
    "spark.sql.adaptive.enabled": "true",
    "spark.sql.adaptive.skewJoin.enabled": "true",
    "spark.sql.adaptive.skewJoin.skewedPartitionFactor": "2",
    "spark.sql.adaptive.skewJoin.skewedPartitionThresholdInBytes": "16m",
    "spark.sql.optimizer.canChangeCachedPlanOutputPartitioning": "true",
    # The latest events of an entity are found before the shuffle, so that no task gets all that it has.
    "spark.sql.optimizer.windowGroupLimitThreshold": str(MOST),
}


def fingerprint_integrate(tables: Mapping[str, Version], config: IntegrateTable) -> str:
    """Of integrating these versions so."""
    return fingerprint("integrate", REVISION, config, tables.values())


def integrate(
    spark: SparkSession, tables: Mapping[str, Version], name: str, config: IntegrateTable, key: str
) -> Version:
    """Takes the steps and commits `quarantine/<name>-joins`, then `integrated/<name>`.

    Raises DataError where a step's contract is broken, a SQL step makes rows, or the counts don't add up.
    """
    started = time.monotonic()
    base = tables[config.table]
    # Staged before the work, so that the commit finds out where another run did the same work meanwhile.
    with (translate_spark_errors("integrate", f"table {name!r}"), configured(spark, SETTINGS),
          base.lake.table("integrated", name).stage() as draft, PersistedFrames() as kept):
        road = Road(name, config, {table: Side(version.table, read_version(spark, version), version.rows)
                                   for table, version in tables.items()})
        road.walk(kept)
        write(road.table.frame, draft.url())
        files = list_data_files(base.lake.store, draft.path())
        rows_out = sum(file.rows or 0 for file in files)
        road.arrived(rows_out)
        quarantine, reasons = _commit_quarantine(spark, base, name, road.rejected, tables, key)
        return draft.commit(
            stage="integrate", fingerprint=key, files=files, table_schema=road.table.frame.schema.json(),
            **parent_fields(*tables.values()),
            counts={"in": base.rows, "out": rows_out, "quarantined": quarantine.rows,
                    "filtered": road.total("filtered"),
                    **{said: total for said in ("added", "gathered") if (total := road.total(said))},
                    "tables": {table: version.rows for table, version in tables.items()},
                    "reasons": {f"{rule} from {file}": count for (rule, file), count in reasons.items()},
                    "steps": road.told},
            meta={"quarantine": quarantine.number},
            seconds=time.monotonic() - started,
        )


def read_version(spark: SparkSession, version: Version) -> DataFrame:
    """The rows of a committed table."""
    version.check_files()
    files = [file.path for file in version.entry.files]
    return read(spark, version.url(), files, version.entry.table_schema or "")


def _commit_quarantine(
    spark: SparkSession, base: Version, name: str, parted: list[DataFrame], tables: Mapping[str, Version], key: str
) -> tuple[Version, dict[tuple[str, ...], int]]:
    schema = T.StructType([T.StructField(column, T.StringType()) for column in COLUMNS])
    rejected = replace_invalid_utf8(
        reduce(DataFrame.unionByName, parted) if parted else spark.createDataFrame([], schema))
    reasons = counts_by(rejected, "rule", "file")

    def fill(draft: Draft) -> dict[str, Any]:
        write(rejected.coalesce(1), draft.url())
        return {"quarantined": sum(reasons.values()),
                "by": [{"rule": rule, "file": file, "rows": count} for (rule, file), count in reasons.items()]}

    return commit_rejects(
        base.lake.table("quarantine", f"{name}-joins"), fill, stage="integrate", fingerprint=key,
        table_schema=rejected.schema.json(),
        **parent_fields(*tables.values())), reasons
