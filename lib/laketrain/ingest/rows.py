"""Rows that Spark reads from a server land as Parquet in `raw/<name>`: what all sources that are no files share.

    version = land_next(spark, lake, "events", plan)     # plan: one file a kind, ingest/kafka.py and ingest/tables.py

A kind plans what to land, as a `RowsPlan`; here that is written, judged and committed. The commit is the only truth of
what has landed: where a version goes on from stands in the entry beside its rows, and a version that goes on from
another can only be committed right behind it. So of two jobs that land the same, one is told that it came too late.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from pyspark.sql import DataFrame, SparkSession

from laketrain.config.sources import ServerSource
from laketrain.errors import CommitConflict, DataError
from laketrain.lake import Lake, Version
from laketrain.lake.contents import found_files
from laketrain.lake.increments import ADDS_TO, Runs
from laketrain.spark.errors import explained
from laketrain.spark.frames import ALIKE, configured, read, write


@dataclass(frozen=True)
class RowsPlan:
    """What to land, and where it goes on from.

    key: the fingerprint. frame: the rows, read from the server. judge: given the rows as they lie in the draft, what
    the entry counts of them; it raises DataError where they are not what was asked for. meta: for the entry. adds_to:
    the versions whose rows the new one holds too, as `behind` tells. after: the version that it must follow, None where
    it stands alone.
    """

    key: str
    frame: Callable[[SparkSession], DataFrame]
    judge: Callable[[DataFrame], dict[str, Any]]
    meta: Mapping[str, Any] = field(default_factory=dict)
    adds_to: Runs = field(default_factory=list)
    after: int | None = None


def land_next(spark: SparkSession, lake: Lake, name: str, plan: Callable[[], RowsPlan | None]) -> Version | None:
    """Lands what `plan` says comes next; asks it again where another job landed that first. None where nothing does."""
    while (wanted := plan()) is not None:
        with suppress(CommitConflict):
            return land_rows(spark, lake, name, wanted)
    return None


def land_rows(spark: SparkSession, lake: Lake, name: str, plan: RowsPlan) -> Version:
    """Writes the plan's rows and commits them as the next version of `raw/<name>`.

    Raises:
        CommitConflict: another job landed first what the plan goes on from.
        DataError: the server fails, or the rows are not what the plan asked for. Nothing is committed then.
    """
    started = time.monotonic()
    with (explained("ingest", f"source {name!r}"), configured(spark, ALIKE),
          lake.table("raw", name).stage() as draft):
        frame = plan.frame(spark)
        schema = frame.schema.json()
        write(frame, draft.url())
        files = found_files(lake.store, draft.path())
        counts = plan.judge(read(spark, draft.url(), [file.path for file in files], schema))
        return draft.commit(
            stage="ingest", fingerprint=plan.key, files=files, table_schema=schema, after=plan.after,
            counts={"rows": sum(file.rows or 0 for file in files), **counts, "files": len(files),
                    "bytes": sum(file.bytes for file in files)},
            meta={**plan.meta, ADDS_TO: plan.adds_to}, seconds=time.monotonic() - started,
        )


def require_secrets(name: str, source: ServerSource) -> None:
    """Raises DataError where the driver's environment lacks what the source needs."""
    variable = source.unset()
    if variable is not None:
        raise DataError("ingest", f"source {name!r}", f"the environment variable {variable!r}, which it names, holds "
                        "nothing", f"export {variable}=… where the driver runs")
