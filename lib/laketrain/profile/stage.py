"""Profiles a committed table: two passes of Spark over its rows, then one JSON file in `profiles/`.

    version = profile(spark, table, draw=page_of)     # profiles/clean.pixels@1

The second pass is skipped where the first answers everything.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial

import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession

from laketrain.errors import LakeError
from laketrain.lake import Version
from laketrain.lake.manifests import ProfileManifest
from laketrain.profile.columns import plans_of, select_parts
from laketrain.profile.first_pass import (
    HEADER_BYTES,
    LABEL,
    RESULT_SCHEMA,
    ColumnPlan,
    first_pass,
    merge_columns,
    merge_first,
    plans_to_json,
)
from laketrain.profile.model import FILE, PAGE, TableProfile, load_profile
from laketrain.profile.second_pass import merge_counts, merge_second, second_pass
from laketrain.profile.store import fingerprint_profile, profiles_of
from laketrain.profile.summary import build_profile, plan_second_pass
from laketrain.spark.errors import translate_spark_errors
from laketrain.spark.frames import SESSION_CONF, arrow_batches, configured, read

Pass = Callable[[Iterable[pa.RecordBatch]], Iterator[pa.RecordBatch]]
_PARALLEL_READS = 8
_DRIVER_BYTES, _MAX_RESULTS = 32 << 20, 16
"""A smaller table is profiled on the driver; results of more tasks are merged by executors first."""


def profile(spark: SparkSession, table: Version, draw: Callable[[TableProfile], str] | None = None) -> Version:
    """Commits the profile of a version of `clean/` or `integrated/`.

    Args:
        draw: renders the page that is stored with the JSON.

    Raises DataError where Spark can't read the rows, LakeError where the profile can't be committed.
    """
    started = time.monotonic()
    with translate_spark_errors("profile", f"table {table.ref}"), profiles_of(table).stage() as draft:
        files = [file.path for file in table.entry.files]
        with configured(spark, SESSION_CONF):
            rows = read(spark, table.url(), files, table.entry.table_schema or "")
            plans = plans_of(rows.schema)
            result = _compute(spark, rows, plans, table, profile_before(table))
        store = table.lake.store
        store.write(draft.path(FILE), result.model_dump_json(indent=1).encode())
        if draw is not None:
            store.write(draft.path(PAGE), draw(result).encode())
        return draft.commit(
            stage="profile", fingerprint=fingerprint_profile(table), parents={table.table: table.number},
            counts={"in": table.rows, "columns": len(plans), "warnings": len(result.warnings)},
            meta=ProfileManifest(against=result.drift.against if result.drift else None).to_meta(),
            seconds=time.monotonic() - started)


def profile_before(table: Version) -> TableProfile | None:
    """The profile of the latest earlier version of the table that has a readable one; the newest of several profiles of
    one version."""
    profiles = profiles_of(table)
    with ThreadPoolExecutor(_PARALLEL_READS) as pool:
        versions = list(pool.map(profiles.get, profiles.versions()))
    numbers = {(version.entry.parents.get(table.table, table.number), version.number): version for version in versions}
    for (profiled, _), version in sorted(numbers.items(), reverse=True):
        if profiled < table.number:
            with suppress(LakeError):
                return load_profile(version)
    return None


def _compute(spark: SparkSession, rows: DataFrame, plans: Sequence[ColumnPlan], table: Version,
             before: TableProfile | None) -> TableProfile:
    row_bytes = _row_bytes(plans, table)
    with configured(spark, arrow_batches(row_bytes)):
        run = _runner(rows.select(*select_parts(plans)), table.rows * row_bytes)
        settings = plans_to_json(plans)
        columns = merge_columns(plans, run(partial(first_pass, settings), partial(merge_first, settings)))
        task = plan_second_pass(plans, columns, before)
        settings = task.to_json()
        results = (run(partial(second_pass, settings), partial(merge_second, settings))
                   if task.requests or task.correlated else [])
    return build_profile(plans, columns, merge_counts(task, results), before, table=table.table, version=table.number,
                         rows=table.rows, bytes=sum(file.bytes for file in table.entry.files))


def _runner(frame: DataFrame, size: int) -> Callable[[Pass, Pass], list[str]]:
    """A function that runs a pass over the rows and returns its results.

    It collects the rows of a small table, which is faster than starting Python on the executors. The profile is the
    same, because it doesn't depend on partitions.
    """
    if size > _DRIVER_BYTES:
        return partial(_run_on_executors, frame)
    batches = frame.toArrow().to_batches()
    return lambda compute, merge: [result for batch in compute(batches) for result in batch.column(0).to_pylist()]


def _run_on_executors(frame: DataFrame, compute: Pass, merge: Pass) -> list[str]:
    results = frame.mapInArrow(compute, RESULT_SCHEMA)
    if frame.rdd.getNumPartitions() > _MAX_RESULTS:
        # Keeps the results of all tasks and columns out of the driver's memory.
        results = results.repartition(_MAX_RESULTS).mapInArrow(merge, RESULT_SCHEMA)
    return [row["result"] for row in results.collect()]


def _row_bytes(plans: Sequence[ColumnPlan], table: Version) -> int:
    """The size of a row in Arrow, at most. Files count by their size in Parquet, which can't compress them."""
    stored = sum(file.bytes for file in table.entry.files) // max(1, table.rows) + 1
    each = {"text": 4 * LABEL, "binary": min(HEADER_BYTES, stored)}
    return sum(each.get(plan.kind, 32) for plan in plans)
