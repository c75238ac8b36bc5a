"""Ingests a table of a database or connector: all rows whenever they changed, or only the rows that are new.

    for version in ingest_table(spark, lake, "orders", source): version.entry.counts["rows"]

Without `since`, the digest of all rows is recorded, and a run that reads the same rows commits nothing. With `since`,
a column whose values only grow, its largest value is in the entry that commits the rows, and the next run reads the
rows above it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from typing import Any

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql import types as T

from laketrain.config.sources import TableSource
from laketrain.errors import DataError
from laketrain.ingest.hints import with_hints
from laketrain.ingest.rows import RowsPlan, ingest_next
from laketrain.ingest.table_reader import TableReader, ValueRange
from laketrain.lake import Lake, Version, fingerprint
from laketrain.lake.appends import ranges_up_to
from laketrain.lake.manifests import RawManifest
from laketrain.spark.frames import SESSION_CONF, configured, exact_json, quoted

REVISION = 3
_DIGEST = "digest"


class _UnchangedError(Exception):
    """The rows are those of the previous version."""


def ingest_table(spark: SparkSession, lake: Lake, name: str, source: TableSource) -> Iterator[Version]:
    """Ingests what is new in the table, and yields the version; none where nothing is new.

    Raises:
        LaunchError: Spark has no driver or connector for the table.
        DataError: the table can't be read; the column of `since` doesn't exist, or has nulls.
    """
    table, reader = lake.table("raw", name), TableReader(spark, name, source)

    def plan() -> RowsPlan | None:
        with configured(spark, SESSION_CONF):  # the largest time is read in the zone in which rows are compared with it
            return (_plan_append if source.since else _plan_all)(reader, table.latest())

    with suppress(_UnchangedError), with_hints():
        version = ingest_next(spark, lake, name, plan)
        if version is not None:
            yield version


def _plan_all(reader: TableReader, latest: Version | None) -> RowsPlan:
    state = {"place": reader.source.location}
    before = latest.entry.counts.get(_DIGEST) if latest and RawManifest.of(latest).table == state else None
    return RowsPlan(
        key=fingerprint("ingest", REVISION, state, [latest] if latest else []),
        frame=lambda spark: reader.rows(),
        check=partial(_digest, before),
        manifest=RawManifest(table=state, appends_to=[]),
        after=latest.number if latest else 0,
    )


def _digest(before: object, rows: DataFrame) -> dict[str, Any]:
    """The digest of all rows, in any order. Raises _UnchangedError if it equals the previous one."""
    each = F.xxhash64(exact_json(rows.columns))
    [row] = rows.agg(F.sum(each.cast("decimal(38,0)")).alias("sum"), F.bit_xor(each).alias("xor"),
                     F.count(F.lit(1)).alias("rows")).collect()
    digest = fingerprint("ingest", REVISION, [str(row["sum"]), str(row["xor"]), row["rows"]])
    if digest == before:
        raise _UnchangedError
    return {_DIGEST: digest}


def _plan_append(reader: TableReader, latest: Version | None) -> RowsPlan | None:
    """The rows above those of `latest`; None where there are none. The first version is made even if it is empty."""
    source = reader.source
    # The revision is included because another one may have read other types: nothing is appended to its versions.
    identity = {"place": source.location, "since": source.since, "revision": REVISION}
    before = (RawManifest.of(latest).table or {}) if latest else {}
    continues = latest is not None and {key: before.get(key) for key in identity} == identity
    above = before.get("upto") if continues else None
    column = reader.resolve(str(source.since), "since")
    up_to = reader.largest(column)
    if continues and (up_to is None or (above is not None and not _is_above(reader, column, up_to, above))):
        return None
    state = {**identity, "upto": up_to}
    return RowsPlan(
        key=fingerprint("ingest", REVISION, state, [latest] if latest else []),
        # Nulls are read too, so that the check reports them instead of losing them.
        frame=lambda spark: reader.rows(ValueRange(column, above, up_to)),
        check=partial(_check_no_nulls, reader.name, column),
        manifest=RawManifest(table=state, appends_to=ranges_up_to(latest) if latest and continues else []),
        after=latest.number if latest else 0,
    )


def _is_above(reader: TableReader, column: str, up_to: str, above: str) -> bool:
    """Whether the largest value is above the ingested one. It is smaller in a replica that lags behind, and after
    ingesting from that, the rows above it would be ingested twice."""
    if up_to == above:
        return False
    kind = reader.kind(column)
    least, most = F.lit(above).cast(kind), F.lit(up_to).cast(kind)
    if isinstance(kind, T.StringType):
        # The server decides the order of texts: there are rows in the range if the largest value is above.
        return reader.has_rows(ValueRange(column, above, up_to, nulls=False))
    [row] = reader.spark.range(1).select((most <= least).alias("lags")).collect()
    return not row["lags"]


def _check_no_nulls(name: str, column: str, rows: DataFrame) -> dict[str, Any]:
    nulls = rows.where(F.col(quoted(column)).isNull()).count()
    if nulls:
        raise DataError("ingest", f"source {name!r}", f"{nulls} rows have no {column!r}, so new rows can't be "
                        "identified",
                        "name a column without nulls in 'since', or leave it out to ingest the whole table each time")
    return {}
