"""Small helpers over DataFrames.

    with persisted(frame) as frame: ...
    write(frame, draft.url())
"""

from __future__ import annotations

import inspect
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
    import pyarrow as pa
    from pyspark.sql import Column, DataFrame, SparkSession
    from pyspark.sql.types import DataType


SPLIT = "_split"
"""The column with a row's split: its index among the splits' names, or a negative number for a row in none of them."""

_ZONE = "spark.sql.session.timeZone"
SESSION_CONF: Mapping[str, str] = {
    "spark.sql.ansi.enabled": "false",
    _ZONE: "UTC",
    # By default Spark writes INT96, which pandas and others read as another year after 2262.
    "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
}
"""The settings of every stage, so that its result doesn't depend on the session: a notebook's, a cluster's or ours.
ANSI mode is off because rules reject bad values; a query must not fail on them."""

_BATCH_BYTES = 4 << 20
_MAX_ROWS = 10_000
_lock = threading.Lock()
_overrides: WeakKeyDictionary[SparkSession, dict[str, list[tuple[object, str | None]]]] = WeakKeyDictionary()
"""By session and setting: the original value, then the value of each active `configured` block, with the block's token.
Threads that fit estimators in parallel share a session."""


def arrow_batches(row_bytes: int) -> dict[str, str]:
    """Settings for Arrow batches of about 4 MB, for rows of `row_bytes` each. Spark limits batches only by rows."""
    rows = max(1, min(_BATCH_BYTES // max(1, row_bytes), _MAX_ROWS))
    return {"spark.sql.execution.arrow.maxRecordsPerBatch": str(rows)}


@contextmanager
def configured(spark: SparkSession, settings: Mapping[str, str]) -> Iterator[None]:
    """Applies `settings` to the session inside the block. They are restored when the last of several threads leaves.
    If they contain the time zone, the driver's JVM is in UTC too."""
    token = object()
    try:
        with _lock:
            for key, value in settings.items():
                original: list[tuple[object, str | None]] = [(None, spark.conf.get(key, None))]
                _overrides.setdefault(spark, {}).setdefault(key, original).append((token, value))
                spark.conf.set(key, value)
        with utc(spark) if _ZONE in settings else nullcontext():
            yield
    finally:
        with _lock:
            for key, overrides in list(_overrides.get(spark, {}).items()):
                _restore(spark, key, overrides, token)


def _restore(spark: SparkSession, key: str, overrides: list[tuple[object, str | None]], token: object) -> None:
    """Removes the block `token` from a setting's overrides, and applies the last value that is left."""
    others = [(block, value) for block, value in overrides if block is not token]
    if len(others) == len(overrides):
        return
    overrides[:] = others
    value = others[-1][1]
    if value is None:
        spark.conf.unset(key)
    else:
        spark.conf.set(key, value)
    if len(others) == 1:
        del _overrides[spark][key]


@contextmanager
def persisted(frame: DataFrame) -> Iterator[DataFrame]:
    """Persists `frame` inside the block, so that it is computed once."""
    cached = persist(frame)
    try:
        yield cached
    finally:
        cached.unpersist()


def persist(frame: DataFrame) -> DataFrame:
    """Persists `frame` on the executors' disks; it is computed at its first use.

    Not in memory: Spark would build columns of whole partitions there, and two tables of 2 GB exhaust a heap of 2 GB
    before Spark spills them to disk.
    """
    from pyspark import StorageLevel

    return frame.persist(StorageLevel.DISK_ONLY)


def write(frame: DataFrame, url: str) -> None:
    """Writes plain Parquet to `url`, a fresh directory of a draft."""
    frame.write.mode("append").parquet(url)


def read(spark: SparkSession, url: str, files: list[str], schema: str) -> DataFrame:
    """Reads these Parquet `files` below `url`; an empty table where there are none.

    Args:
        url: the version's directory.
        files: paths relative to it, as the version lists them. The directory may contain others.
        schema: the table's schema as Spark's JSON.
    """
    import json

    from pyspark.sql.types import StructType

    parsed = StructType.fromJson(json.loads(schema))
    if not files:
        return spark.createDataFrame([], parsed)
    return spark.read.schema(parsed).parquet(*(f"{url}/{file}" for file in files))


def counts_by(frame: DataFrame, *columns: str) -> dict[tuple[str, ...], int]:
    """The number of rows of each combination of values, sorted by the values."""
    rows = frame.groupBy(*columns).count().orderBy(*columns).collect()
    return {tuple(str(row[column]) for column in columns): row["count"] for row in rows}


def quoted(name: str) -> str:
    """A column's name in backticks, so that SQL and `F.col` take it literally."""
    return "`" + name.replace("`", "``") + "`"


def record(columns: list[str]) -> Column:
    """The named columns of a row as a JSON text, without nulls."""
    from pyspark.sql import functions as F

    return F.to_json(F.struct(*map(quoted, columns)))


def is_valid_utf8(value: Column, kind: DataType) -> Column | None:
    """Whether all text in a value, at any depth, is valid UTF-8 (true for null); None for a type without text."""
    from pyspark.sql import functions as F
    from pyspark.sql import types as T

    if isinstance(kind, T.StringType):
        return F.coalesce(F.is_valid_utf8(value), F.lit(True))
    if isinstance(kind, T.ArrayType):
        return _all_valid_utf8(value, kind.elementType)
    parts: list[Column | None] = []
    if isinstance(kind, T.MapType):
        parts = [_all_valid_utf8(F.map_keys(value), kind.keyType), _all_valid_utf8(F.map_values(value), kind.valueType)]
    if isinstance(kind, T.StructType):
        parts = [is_valid_utf8(value.getField(field.name), field.dataType) for field in kind]
    checks = [part for part in parts if part is not None]
    return reduce(and_, checks) if checks else None


def _all_valid_utf8(values: Column, kind: DataType) -> Column | None:
    from pyspark.sql import functions as F

    def is_valid(value: Column) -> Column:
        return F.lit(True) if (valid := is_valid_utf8(value, kind)) is None else valid

    return None if is_valid_utf8(values, kind) is None else F.coalesce(F.forall(values, is_valid), F.lit(True))


def replace_invalid_utf8(frame: DataFrame) -> DataFrame:
    """Replaces bytes that aren't UTF-8 by U+FFFD in a table of text columns: Parquet readers would refuse its files."""
    from pyspark.sql import functions as F

    return frame.select(*(F.make_valid_utf8(F.col(quoted(name))).alias(name) for name in frame.columns))


_EXACT = dict.fromkeys(("timestampFormat", "timestampNTZFormat"), "yyyy-MM-dd'T'HH:mm:ss.SSSSSS")
"""With Spark's default format microseconds would be dropped."""


def exact_json(columns: Sequence[str]) -> Column:
    """The named columns of a row as a JSON text that differs if any of their values differs. Under `SESSION_CONF`
    times are in UTC."""
    from pyspark.sql import functions as F

    return F.to_json(F.struct(*(F.col(quoted(name)) for name in columns)), _EXACT)


def on_batches(work: Callable[..., pa.Array], kind: str) -> Callable[..., Column]:
    """A function of columns that Spark calls for each Arrow batch, with a result of the type `kind`. Only those columns
    are sent to Python.

    Args:
        work: a function of one or two arrays, annotated as such. It returns an array of their length.
    """
    from pyspark.sql.pandas import functions as udfs

    if hasattr(udfs, "arrow_udf"):
        arrow_udf: Any = udfs.arrow_udf
        result: Callable[..., Column] = arrow_udf(work, kind)
    else:  # before Spark 4.1
        pandas_udf: Any = udfs.pandas_udf
        result = pandas_udf(_on_series(work), kind)
    return result


def _on_series(work: Callable[..., pa.Array]) -> Callable[..., pd.Series]:
    """`work` on pandas' series. PySpark looks at the number and the types of the arguments."""
    import pandas as pd
    import pyarrow as pa

    def compute(*series: pd.Series) -> pd.Series:
        result = work(*map(pa.Array.from_pandas, series))
        # By default integers with nulls would be floats, which don't hold 64 bits.
        return result.to_pandas(types_mapper={pa.int64(): pd.Int64Dtype()}.get)

    def of_one(values: pd.Series) -> pd.Series:
        return compute(values)

    def of_two(left: pd.Series, right: pd.Series) -> pd.Series:
        return compute(left, right)

    functions: dict[int, Callable[..., pd.Series]] = {1: of_one, 2: of_two}
    function = functions[len(inspect.signature(work).parameters)]
    # As classes, not as text: PySpark evaluates them where `pd` isn't known.
    function.__annotations__ = dict.fromkeys(function.__annotations__, pd.Series)
    return function
