"""From a committed table to its profile: two looks of Spark at its rows, then one JSON file in `profiles/`.

    version = profile(spark, table, draw=page_of)     # profiles/clean.pixels@1

The second look is left out where the first has told all.
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
from laketrain.profile.columns import plans_of, selected
from laketrain.profile.detail import merge_second, merged_details, second_look
from laketrain.profile.model import FILE, PAGE, TableProfile, load_profile
from laketrain.profile.place import fingerprint_profile, profiles_of
from laketrain.profile.table import asked_of, summarised
from laketrain.profile.tally import (
    HEADER_BYTES,
    LABEL,
    RESULT_SCHEMA,
    ColumnPlan,
    first_look,
    merge_first,
    merged,
    plans_to,
)
from laketrain.spark.errors import translate_spark_errors
from laketrain.spark.frames import SESSION_CONF, arrow_batches, configured, read

Look = Callable[[Iterable[pa.RecordBatch]], Iterator[pa.RecordBatch]]
_ENTRIES_AT_ONCE = 8
_SMALL, _MANY = 32 << 20, 16


def profile(spark: SparkSession, table: Version, draw: Callable[[TableProfile], str] | None = None) -> Version:
    """Commits the profile of a version of `clean/` or `integrated/`.

    Args:
        draw: makes the page that lies beside the JSON.

    Raises DataError where Spark can't read the rows, LakeError where the profile can't be committed.
    """
    started = time.monotonic()
    with translate_spark_errors("profile", f"table {table.ref}"), profiles_of(table).stage() as draft:
        files = [file.path for file in table.entry.files]
        with configured(spark, SESSION_CONF):
            rows = read(spark, table.url(), files, table.entry.table_schema or "")
            plans = plans_of(rows.schema)
            found = _profiled(spark, rows, plans, table, profile_before(table))
        store = table.lake.store
        store.write(draft.path(FILE), found.model_dump_json(indent=1).encode())
        if draw is not None:
            store.write(draft.path(PAGE), draw(found).encode())
        return draft.commit(
            stage="profile", fingerprint=fingerprint_profile(table), parents={table.table: table.number},
            counts={"in": table.rows, "columns": len(plans), "warnings": len(found.warnings)},
            meta={"against": found.drift.against if found.drift else None}, seconds=time.monotonic() - started)


def profile_before(table: Version) -> TableProfile | None:
    """The profile of the latest earlier version of the same table that has one which can be read; the newest, where
    that version was profiled several times."""
    profiles = profiles_of(table)
    with ThreadPoolExecutor(_ENTRIES_AT_ONCE) as pool:
        known = list(pool.map(profiles.get, profiles.versions()))
    numbers = {(version.entry.parents.get(table.table, table.number), version.number): version for version in known}
    for (profiled, _), version in sorted(numbers.items(), reverse=True):
        if profiled < table.number:
            with suppress(LakeError):
                return load_profile(version)
    return None


def _profiled(spark: SparkSession, rows: DataFrame, plans: Sequence[ColumnPlan], table: Version,
              before: TableProfile | None) -> TableProfile:
    row_bytes = _row_bytes(plans, table)
    with configured(spark, arrow_batches(row_bytes)):
        look = _looking(rows.select(*selected(plans)), table.rows * row_bytes)
        known = plans_to(plans)
        tallies = merged(plans, look(partial(first_look, known), partial(merge_first, known)))
        task = asked_of(plans, tallies, before)
        asked = task.to_json()
        looked = look(partial(second_look, asked), partial(merge_second, asked)) if task.asked or task.compared else []
    return summarised(plans, tallies, merged_details(task, looked), before, table=table.table, version=table.number,
                      rows=table.rows, bytes=sum(file.bytes for file in table.entry.files))


def _looking(frame: DataFrame, weight: int) -> Callable[[Look, Look], list[str]]:
    """Runs a look over the rows, and gives what its tasks found. A small table comes here, which is quicker than
    starting Python in the executors; what is found is the same, since it doesn't depend on how the rows are cut."""
    if weight > _SMALL:
        return partial(_looked_at_there, frame)
    batches = frame.toArrow().to_batches()
    return lambda look, merge: [result for found in look(batches) for result in found.column(0).to_pylist()]


def _looked_at_there(frame: DataFrame, look: Look, merge: Look) -> list[str]:
    found = frame.mapInArrow(look, RESULT_SCHEMA)
    if frame.rdd.getNumPartitions() > _MANY:
        # Else the driver would hold what all tasks say of all columns.
        found = found.repartition(_MANY).mapInArrow(merge, RESULT_SCHEMA)
    return [row["result"] for row in found.collect()]


def _row_bytes(plans: Sequence[ColumnPlan], table: Version) -> int:
    """What a row weighs on its way to Python, at most: files by what they take in Parquet, which can't press them."""
    stored = sum(file.bytes for file in table.entry.files) // max(1, table.rows) + 1
    each = {"text": 4 * LABEL, "binary": min(HEADER_BYTES, stored)}
    return sum(each.get(plan.kind, 32) for plan in plans)
