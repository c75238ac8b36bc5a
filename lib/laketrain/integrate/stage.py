"""From clean versions to one integrated table and its quarantine.

    version = integrate(spark, tables, "digits", config, key)      # tables: name to clean version
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from functools import reduce
from typing import Any

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import types as T

from laketrain.config.integrate import IntegrateTable
from laketrain.errors import DataError
from laketrain.integrate.joins import join
from laketrain.lake import Draft, Version, fingerprint
from laketrain.lake.contents import found_files
from laketrain.lake.quarantine import COLUMNS, check_balance, commit_rejects
from laketrain.spark.errors import explained
from laketrain.spark.frames import ALIKE, configured, counts_by, persisted, quoted, read, write

REVISION = 1


def fingerprint_integrate(tables: Mapping[str, Version], config: IntegrateTable) -> str:
    """Of integrating these versions so."""
    return fingerprint("integrate", REVISION, config, tables.values())


def integrate(
    spark: SparkSession, tables: Mapping[str, Version], name: str, config: IntegrateTable, key: str
) -> Version:
    """Joins, selects, and commits `quarantine/<name>-joins`, then `integrated/<name>`.

    Raises DataError where a join's contract is broken, the SQL step makes rows, or the counts don't add up.
    """
    started = time.monotonic()
    base = tables[config.table]
    # Staged before the work, so that the commit finds out where another run did the same work meanwhile.
    with (explained("integrate", f"table {name!r}"), configured(spark, ALIKE),
          base.lake.table("integrated", name).stage() as draft):
        joined, parted = _joined(spark, tables, config)
        with persisted(joined) as joined:
            rows_joined = joined.count()
            quarantine, reasons = _commit_quarantine(spark, base, name, parted, tables, key)
            from_base = sum(count for (_, file), count in reasons.items() if file == base.table)
            check_balance("integrate", f"joins of {name!r}", base.rows, rows_joined, from_base)
            result = _selected(spark, joined, name, config)
            write(result, draft.url())
            files = found_files(base.lake.store, draft.path())
            rows_out = sum(file.rows or 0 for file in files)
            if rows_out > rows_joined:
                raise DataError("integrate", f"SQL step of {name!r}", f"made {rows_out} rows of {rows_joined}",
                                "a SQL step may select and filter; aggregate or explode in a source of its own")
            return draft.commit(
                stage="integrate", fingerprint=key, files=files, table_schema=result.schema.json(),
                parents={version.table: version.number for version in tables.values()},
                counts={"in": base.rows, "out": rows_out, "quarantined": quarantine.rows,
                        "filtered": rows_joined - rows_out,
                        "tables": {table: version.rows for table, version in tables.items()},
                        "reasons": {f"{rule} from {file}": count for (rule, file), count in reasons.items()}},
                meta={"quarantine": quarantine.number, "sql": config.sql},
                seconds=time.monotonic() - started,
            )


def _joined(
    spark: SparkSession, tables: Mapping[str, Version], config: IntegrateTable
) -> tuple[DataFrame, list[DataFrame]]:
    frames = {table: read_version(spark, version) for table, version in tables.items()}
    joined, parted = frames[config.table], []
    for contract in config.joins:
        joined, lonely = join(joined, frames[contract.table], contract, tables[config.table].table,
                              tables[contract.table].table)
        parted += lonely
    return joined, parted


def read_version(spark: SparkSession, version: Version) -> DataFrame:
    """The rows of a committed table."""
    files = [file.path for file in version.entry.files]
    return read(spark, version.url(), files, version.entry.table_schema or "")


def _selected(spark: SparkSession, joined: DataFrame, name: str, config: IntegrateTable) -> DataFrame:
    if not config.sql:
        return joined
    joined.createOrReplaceTempView(quoted(name))
    try:
        return spark.sql(config.sql)
    finally:
        spark.catalog.dropTempView(name)


def _commit_quarantine(
    spark: SparkSession, base: Version, name: str, parted: list[DataFrame], tables: Mapping[str, Version], key: str
) -> tuple[Version, dict[tuple[str, ...], int]]:
    schema = T.StructType([T.StructField(column, T.StringType()) for column in COLUMNS])
    rejected = reduce(DataFrame.unionByName, parted) if parted else spark.createDataFrame([], schema)
    with persisted(rejected) as rejected:
        reasons = counts_by(rejected, "rule", "file")

        def fill(draft: Draft) -> dict[str, Any]:
            write(rejected.coalesce(1), draft.url())
            return {"quarantined": sum(reasons.values()),
                    "by": [{"rule": rule, "file": file, "rows": count} for (rule, file), count in reasons.items()]}

        return commit_rejects(
            base.lake.table("quarantine", f"{name}-joins"), fill, stage="integrate", fingerprint=key,
            table_schema=rejected.schema.json(),
            parents={version.table: version.number for version in tables.values()}), reasons
