"""A table elsewhere lands as rows: all of them, as a version for each state of the table, or those beyond what landed.

    for version in ingest_table(spark, lake, "orders", source): version.entry.counts["rows"]

Of a whole table the rows' digest is kept, so that a run which reads the same rows commits nothing. Of a table that is
read by a column that only grows, the largest value stands in the entry, committed with its rows.
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
from laketrain.ingest.remedies import helped
from laketrain.ingest.rows import RowsPlan, land_next
from laketrain.ingest.server import Server, Stretch
from laketrain.lake import Lake, Version, fingerprint
from laketrain.lake.increments import behind
from laketrain.spark.frames import ALIKE, configured, exact_json, quoted

REVISION = 3
META = "table"
"""The key of an entry's meta: the place of the rows, the column that grows, and its largest value."""
_DIGEST = "digest"


class _UnchangedError(Exception):
    """The rows are those of the version before."""


def ingest_table(spark: SparkSession, lake: Lake, name: str, source: TableSource) -> Iterator[Version]:
    """Lands what is new in the table, and yields the version; none where nothing is.

    Raises:
        LaunchError: Spark has no driver or connector of the table here.
        DataError: the table can't be read; the column that grows isn't there, or has nulls.
    """
    table, server = lake.table("raw", name), Server(spark, name, source)

    def plan() -> RowsPlan | None:
        with configured(spark, ALIKE):  # a largest time is told in the zone in which rows are compared with it
            return (_addition if source.since else _whole)(server, table.latest())

    with suppress(_UnchangedError), helped():
        version = land_next(spark, lake, name, plan)
        if version is not None:
            yield version


def _whole(server: Server, latest: Version | None) -> RowsPlan:
    said = {"place": server.source.place}
    before = latest.entry.counts.get(_DIGEST) if latest and latest.entry.meta.get(META) == said else None
    return RowsPlan(
        key=fingerprint("ingest", REVISION, said, [latest] if latest else []),
        frame=lambda spark: server.rows(),
        judge=partial(_digest, before),
        meta={META: said},
        after=latest.number if latest else 0,
    )


def _digest(before: object, rows: DataFrame) -> dict[str, Any]:
    """Of all rows, whatever their order. Raises _UnchangedError where it is the one before."""
    each = F.xxhash64(exact_json(rows.columns))
    [row] = rows.agg(F.sum(each.cast("decimal(38,0)")).alias("sum"), F.bit_xor(each).alias("xor"),
                     F.count(F.lit(1)).alias("rows")).collect()
    digest = fingerprint("ingest", REVISION, [str(row["sum"]), str(row["xor"]), row["rows"]])
    if digest == before:
        raise _UnchangedError
    return {_DIGEST: digest}


def _addition(server: Server, latest: Version | None) -> RowsPlan | None:
    """The rows beyond those of `latest`; None where there are none. A first version is made though it is empty."""
    source = server.source
    # What another revision landed may be of other types: nothing is added to it.
    place = {"place": source.place, "since": source.since, "revision": REVISION}
    landed = latest.entry.meta.get(META, {}) if latest else {}
    goes_on = latest is not None and {key: landed.get(key) for key in place} == place
    beyond = landed.get("upto") if goes_on else None
    column = server.spelt(str(source.since), "since")
    upto = server.largest(column)
    if goes_on and (upto is None or (beyond is not None and not _above(server, column, upto, beyond))):
        return None
    said = {**place, "upto": upto}
    return RowsPlan(
        key=fingerprint("ingest", REVISION, said, [latest] if latest else []),
        # A null is let through, to be refused by name instead of left out.
        frame=lambda spark: server.rows(Stretch(column, beyond, upto)),
        judge=partial(_grows, server.name, column),
        meta={META: said},
        adds_to=behind(latest) if latest and goes_on else [],
        after=latest.number if latest else 0,
    )


def _above(server: Server, column: str, upto: str, beyond: str) -> bool:
    """Whether the largest value is above the one that has landed. A copy of the table that lags behind has a smaller
    one, from which the rows above it would be landed again."""
    if upto == beyond:
        return False
    kind = server.kind(column)
    least, most = F.lit(beyond).cast(kind), F.lit(upto).cast(kind)
    if isinstance(kind, T.StringType):
        # In which order texts stand is the server's to say, by what it finds between them.
        return server.has(Stretch(column, beyond, upto, nulls=False))
    [row] = server.spark.range(1).select((most <= least).alias("lags")).collect()
    return not row["lags"]


def _grows(name: str, column: str, rows: DataFrame) -> dict[str, Any]:
    nulls = rows.where(F.col(quoted(column)).isNull()).count()
    if nulls:
        raise DataError("ingest", f"source {name!r}", f"{nulls} rows have no {column!r}, so it can't tell what is new",
                        "name a column without nulls in 'since', or leave it out to land the whole table each time")
    return {}
