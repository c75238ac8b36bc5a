"""Writes rows that Spark reads from a server to `raw/<name>` as Parquet. All sources that aren't files use it.

    version = ingest_next(spark, lake, "events", plan)     # plans come from ingest/kafka.py and ingest/tables.py

Each kind of source returns a `RowsPlan`, which is written, checked and committed here. The state of a source, e.g. its
offsets, is in the entry that commits its rows, so there is no second record of it. A version that continues from
another must follow it directly, so if two jobs ingest the same rows, the commit of one fails.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from pyspark.sql import DataFrame, SparkSession

from laketrain.config.sources import ServerSource
from laketrain.errors import CommitConflict, DataError
from laketrain.lake import Lake, Version
from laketrain.lake.contents import list_data_files
from laketrain.lake.manifests import RawManifest
from laketrain.spark.errors import translate_spark_errors
from laketrain.spark.frames import SESSION_CONF, configured, read, write


@dataclass(frozen=True)
class RowsPlan:
    """The rows of the next version.

    Attributes:
        key: the fingerprint.
        frame: reads the rows from the server.
        check: takes the rows as they were written to the draft, and returns counts for the entry; raises DataError if
            they aren't the expected ones.
        manifest: the state of the source, and the versions that the new one appends to.
        after: the number of the version that it must follow directly, 0 for none; None for any.
    """

    key: str
    frame: Callable[[SparkSession], DataFrame]
    check: Callable[[DataFrame], dict[str, Any]]
    manifest: RawManifest
    after: int | None = None


def ingest_next(spark: SparkSession, lake: Lake, name: str, plan: Callable[[], RowsPlan | None]) -> Version | None:
    """Commits the next version of `raw/<name>`; plans again if another job committed first. None where nothing is
    new."""
    while (rows_plan := plan()) is not None:
        with suppress(CommitConflict):
            return commit_rows(spark, lake, name, rows_plan)
    return None


def commit_rows(spark: SparkSession, lake: Lake, name: str, plan: RowsPlan) -> Version:
    """Writes the plan's rows and commits them as the next version of `raw/<name>`.

    Raises:
        CommitConflict: another job committed first.
        DataError: the server fails, or the rows aren't the expected ones. Nothing is committed.
    """
    started = time.monotonic()
    with (translate_spark_errors("ingest", f"source {name!r}"), configured(spark, SESSION_CONF),
          lake.table("raw", name).stage() as draft):
        frame = plan.frame(spark)
        schema = frame.schema.json()
        write(frame, draft.url())
        files = list_data_files(lake.store, draft.path())
        counts = plan.check(read(spark, draft.url(), [file.path for file in files], schema))
        return draft.commit(
            stage="ingest", fingerprint=plan.key, files=files, table_schema=schema, after=plan.after,
            counts={"rows": sum(file.rows or 0 for file in files), **counts, "files": len(files),
                    "bytes": sum(file.bytes for file in files)},
            meta=plan.manifest.to_meta(), seconds=time.monotonic() - started,
        )


def require_secrets(name: str, source: ServerSource) -> None:
    """Raises DataError where an environment variable of the source isn't set on the driver."""
    variable = source.unset()
    if variable is not None:
        raise DataError("ingest", f"source {name!r}", f"the environment variable {variable!r}, which it names, "
                        "isn't set", f"export {variable}=… where the driver runs")
