"""The integrate stage: committed versions in, one integrated table and its quarantine out.

    version = integrate(spark, tables, "digits", config, key)      # tables: the version of each name
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from functools import reduce

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import types as T

from laketrain.config.integrate import IntegrateTable
from laketrain.config.integrate.history import MOST
from laketrain.integrate.base import TableRows
from laketrain.integrate.step_runner import StepRunner
from laketrain.lake import Version, fingerprint
from laketrain.lake.contents import list_data_files
from laketrain.lake.manifests import IntegratedManifest
from laketrain.lake.quarantine import COLUMNS, commit_quarantine, counts_by_rule
from laketrain.lake.version import parent_fields
from laketrain.spark.errors import translate_spark_errors
from laketrain.spark.frames import SESSION_CONF, configured, counts_by, read, replace_invalid_utf8, write
from laketrain.spark.persistence import PersistedFrames

REVISION = 3

SETTINGS = {
    **SESSION_CONF,
    # Splits the join of a key that has most of the rows into tasks of this size, also in the rows of a cached frame.
    "spark.sql.adaptive.advisoryPartitionSizeInBytes": "16m",
    "spark.sql.adaptive.enabled": "true",
    "spark.sql.adaptive.skewJoin.enabled": "true",
    "spark.sql.adaptive.skewJoin.skewedPartitionFactor": "2",
    "spark.sql.adaptive.skewJoin.skewedPartitionThresholdInBytes": "16m",
    "spark.sql.optimizer.canChangeCachedPlanOutputPartitioning": "true",
    # Selects the latest events of an entity before the shuffle, so that no task gets all of them.
    "spark.sql.optimizer.windowGroupLimitThreshold": str(MOST),
}


def fingerprint_integrate(tables: Mapping[str, Version], config: IntegrateTable) -> str:
    """Fingerprint of integrating these versions by this config."""
    return fingerprint("integrate", REVISION, config, tables.values())


def integrate(
    spark: SparkSession, tables: Mapping[str, Version], name: str, config: IntegrateTable, key: str
) -> Version:
    """Runs the steps and commits `quarantine/<name>-joins`, then `integrated/<name>`.

    Raises DataError where a step's contract is broken, a SQL step adds rows, or the counts don't add up.
    """
    started = time.monotonic()
    base = tables[config.table]
    # Staged before the work, so that the commit detects another run that did the same work at the same time.
    with (translate_spark_errors("integrate", f"table {name!r}"), configured(spark, SETTINGS),
          base.lake.table("integrated", name).stage() as draft, PersistedFrames() as frames):
        runner = StepRunner(name, config, {table: TableRows(version.table, read_version(spark, version), version.rows)
                                   for table, version in tables.items()})
        runner.run(frames)
        write(runner.table.frame, draft.url())
        files = list_data_files(base.lake.store, draft.path())
        rows_out = sum(file.rows or 0 for file in files)
        runner.check_written(rows_out)
        rejected = _rejected(spark, runner.rejected)
        reasons = counts_by(rejected, "rule", "file")
        quarantine = commit_quarantine(
            draft.table, list(tables.values()), lambda target: write(rejected.coalesce(1), target.url()),
            stage="integrate", fingerprint=key, table_schema=rejected.schema.json(), counts=counts_by_rule(reasons))
        return draft.commit(
            stage="integrate", fingerprint=key, files=files, table_schema=runner.table.frame.schema.json(),
            **parent_fields(*tables.values()),
            counts={"in": base.rows, "out": rows_out, "quarantined": quarantine.rows,
                    "filtered": runner.total("filtered"),
                    **{key: total for key in ("added", "gathered") if (total := runner.total(key))},
                    "tables": {table: version.rows for table, version in tables.items()},
                    "reasons": {f"{rule} from {file}": count for (rule, file), count in reasons.items()},
                    "steps": runner.counts},
            meta=IntegratedManifest(quarantine=quarantine.number).to_meta(), seconds=time.monotonic() - started,
        )


def read_version(spark: SparkSession, version: Version) -> DataFrame:
    """The rows of a committed table."""
    version.check_files()
    files = [file.path for file in version.entry.files]
    return read(spark, version.url(), files, version.entry.table_schema or "")


def _rejected(spark: SparkSession, parts: list[DataFrame]) -> DataFrame:
    """The rows that the steps rejected, with the columns of a quarantine."""
    schema = T.StructType([T.StructField(column, T.StringType()) for column in COLUMNS])
    return replace_invalid_utf8(reduce(DataFrame.unionByName, parts) if parts else spark.createDataFrame([], schema))
