"""Small helpers over DataFrames.

    with persisted(frame) as frame: ...
    write(frame, draft.url())
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from functools import reduce
from operator import and_
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from laketrain.spark.zone import utc

if TYPE_CHECKING:
    import pandas as pd
    from pyspark.sql import Column, DataFrame, SparkSession
    from pyspark.sql.types import DataType


_ZONE = "spark.sql.session.timeZone"
ALIKE: Mapping[str, str] = {
    "spark.sql.ansi.enabled": "false",
    _ZONE: "UTC",
    # By itself Spark writes INT96, which pandas and others read as another year where it is beyond 2262.
    "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
}
"""So that a stage makes the same of the same data in whatever session it runs: a notebook's, a cluster's, ours. And bad
data is for the rules to judge, not for an exception in the middle of a query."""


_BATCH_BYTES = 4 << 20
_MOST_ROWS = 10_000
_lock = threading.Lock()
_held: WeakKeyDictionary[SparkSession, dict[str, list[tuple[object, str | None]]]] = WeakKeyDictionary()
"""By session and setting: what it was before, then what each of those who are inside made of it. Estimators that are
fitted side by side share a session."""


def arrow_batches(row_bytes: int) -> dict[str, str]:
    """Settings by which Python gets Arrow batches of about 4 MB, of rows that become `row_bytes` each. Spark counts
    rows only, and its own default knows nothing of what they hold."""
    rows = max(1, min(_BATCH_BYTES // max(1, row_bytes), _MOST_ROWS))
    return {"spark.sql.execution.arrow.maxRecordsPerBatch": str(rows)}


@contextmanager
def configured(spark: SparkSession, settings: Mapping[str, str]) -> Iterator[None]:
    """The session with other `settings` inside, and as it was when the last of several threads leaves; with a zone
    among them, the driver's JVM in UTC."""
    me = object()
    try:
        with _lock:
            for key, value in settings.items():
                _held.setdefault(spark, {}).setdefault(key, [(None, spark.conf.get(key, None))]).append((me, value))
                spark.conf.set(key, value)
        with utc(spark) if _ZONE in settings else nullcontext():
            yield
    finally:
        with _lock:
            for key, holders in list(_held.get(spark, {}).items()):
                _let_go(spark, key, holders, me)


def _let_go(spark: SparkSession, key: str, holders: list[tuple[object, str | None]], me: object) -> None:
    """Without `me` among those who set it, a setting is what the last of the others made of it."""
    others = [(who, value) for who, value in holders if who is not me]
    if len(others) == len(holders):
        return
    holders[:] = others
    value = others[-1][1]
    if value is None:
        spark.conf.unset(key)
    else:
        spark.conf.set(key, value)
    if len(others) == 1:
        del _held[spark][key]


@contextmanager
def persisted(frame: DataFrame) -> Iterator[DataFrame]:
    """`frame` computed once, however often it is read inside."""
    kept = persist(frame)
    try:
        yield kept
    finally:
        kept.unpersist()


def persist(frame: DataFrame) -> DataFrame:
    """`frame`, computed at its first use, and kept on the executors' disks.

    Not in their memory: there Spark builds columns of whole partitions first, and a heap of 2 GB died of two tables of
    2 GB, long before it had thought of the disk.
    """
    from pyspark import StorageLevel

    return frame.persist(StorageLevel.DISK_ONLY)


def write(frame: DataFrame, url: str) -> None:
    """Writes plain Parquet to `url`, a fresh directory of a draft."""
    frame.write.mode("append").parquet(url)


def read(spark: SparkSession, url: str, files: list[str], schema: str) -> DataFrame:
    """The table of just these Parquet `files` below `url`, none of them where `files` is empty.

    Args:
        url: the version's directory.
        files: paths relative to it: what the version names, not what the directory happens to hold.
        schema: the table's schema as Spark's JSON.
    """
    import json

    from pyspark.sql.types import StructType

    parsed = StructType.fromJson(json.loads(schema))
    if not files:
        return spark.createDataFrame([], parsed)
    return spark.read.schema(parsed).parquet(*(f"{url}/{file}" for file in files))


def counts_by(frame: DataFrame, *columns: str) -> dict[tuple[str, ...], int]:
    """How many rows each combination of values has, in the order of the values."""
    rows = frame.groupBy(*columns).count().orderBy(*columns).collect()
    return {tuple(str(row[column]) for column in columns): row["count"] for row in rows}


def quoted(name: str) -> str:
    """A column's name as SQL and `F.col` take it literally."""
    return "`" + name.replace("`", "``") + "`"


def record(columns: list[str]) -> Column:
    """The named columns of a row as one JSON text, nulls left out."""
    from pyspark.sql import functions as F

    return F.to_json(F.struct(*map(quoted, columns)))


def legible(value: Column, kind: DataType) -> Column | None:
    """Whether all text in a value, at any depth, is UTF-8, true of null; None for a type that holds none."""
    from pyspark.sql import functions as F
    from pyspark.sql import types as T

    if isinstance(kind, T.StringType):
        return F.coalesce(F.is_valid_utf8(value), F.lit(True))
    if isinstance(kind, T.ArrayType):
        return _all_legible(value, kind.elementType)
    parts: list[Column | None] = []
    if isinstance(kind, T.MapType):
        parts = [_all_legible(F.map_keys(value), kind.keyType), _all_legible(F.map_values(value), kind.valueType)]
    if isinstance(kind, T.StructType):
        parts = [legible(value.getField(field.name), field.dataType) for field in kind]
    told = [part for part in parts if part is not None]
    return reduce(and_, told) if told else None


def _all_legible(values: Column, kind: DataType) -> Column | None:
    from pyspark.sql import functions as F

    def one(value: Column) -> Column:
        return F.lit(True) if (fine := legible(value, kind)) is None else fine

    return None if legible(values, kind) is None else F.coalesce(F.forall(values, one), F.lit(True))


def valid_text(frame: DataFrame) -> DataFrame:
    """A table of text columns in which bytes that are no UTF-8 are U+FFFD: without that, no reader takes its files."""
    from pyspark.sql import functions as F

    return frame.select(*(F.make_valid_utf8(F.col(quoted(name))).alias(name) for name in frame.columns))


_EXACT = dict.fromkeys(("timestampFormat", "timestampNTZFormat"), "yyyy-MM-dd'T'HH:mm:ss.SSSSSS")
"""Spark leaves out microseconds otherwise."""


def exact_json(columns: Sequence[str]) -> Column:
    """The named columns of a row as one JSON text, which differs where any of their values does. In a session that is
    `ALIKE`, times are UTC's."""
    from pyspark.sql import functions as F

    return F.to_json(F.struct(*(F.col(quoted(name)) for name in columns)), _EXACT)


def on_batches(work: Callable[..., pd.Series], kind: str) -> Callable[..., Column]:
    """`work` as a function of columns, which Spark calls with one Arrow batch after the other: no other column travels
    to Python. Its result is of the type `kind`."""
    from pyspark.sql.pandas import functions as pandas_functions

    made: Any = pandas_functions.pandas_udf
    called: Callable[..., Column] = made(work, kind)
    return called
