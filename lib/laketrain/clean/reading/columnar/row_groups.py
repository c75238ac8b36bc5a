"""Reads Parquet and ORC through pyarrow, in Spark tasks: files with columns that Spark can't read exactly.

Row groups and stripes are split into tasks of about equal work. A row with a value that no Spark type can hold becomes
a rejected row with the original value.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import repeat
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import orc
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql import types as T

from laketrain.clean.reading.base import CORRUPT, FILE_READ
from laketrain.clean.reading.columnar.conversion import sub_microsecond_rows, to_spark
from laketrain.clean.reading.columnar.footers import NAMES, Footer, plain_metadata
from laketrain.clean.reading.raw_files import RawFile
from laketrain.errors import DataError
from laketrain.lake import Store

TASK_BYTES = 32 << 20
"""Uncompressed bytes of row groups in a task."""
_BATCH_BYTES, _BATCH_ROWS = 4 << 20, 10_000
EXTRA_COLUMNS = (FILE_READ, "_problem", CORRUPT)
"""Columns that are returned in addition to the table's."""


@dataclass(frozen=True)
class _Group:
    """A row group or stripe. path: of its file, in the lake. name: the path below the version's directory. row_bytes:
    the approximate size of a row."""

    path: str
    name: str
    number: int
    row_bytes: int


@dataclass(frozen=True)
class _Column:
    """A column to read. kind: as which Spark type. type: its Arrow type. int96: whether it has such times."""

    name: str
    kind: T.DataType
    type: pa.DataType
    int96: bool


def read_groups(spark: SparkSession, form: str, files: Sequence[RawFile], footers: Sequence[Footer],
                schema: T.StructType) -> DataFrame:
    """The rows of files with the same columns. schema: one or more columns, in types that fit them.

    Returns: these columns, then EXTRA_COLUMNS: the file, why the row is rejected, and the rejected row as JSON.
    """
    tasks = _tasks(files, footers)
    columns = [_Column(field.name, field.dataType, footers[0].types[field.name], field.name in footers[0].int96)
               for field in schema]
    task = partial(_rows, files[0].version.lake.store, form, columns, tasks)
    # `mapInArrow` accepts only plain names.
    plain = [f"c{number}" for number in range(len(schema))]
    types = T.StructType([
        *(T.StructField(name, field.dataType) for name, field in zip(plain, schema, strict=True)),
        *(T.StructField(name, T.StringType()) for name in EXTRA_COLUMNS)])
    frame = spark.range(0, len(tasks), 1, max(1, len(tasks))).mapInArrow(task, types)
    values = [F.col(name).alias(field.name) for name, field in zip(plain, schema, strict=True)]
    return frame.select(*values, *EXTRA_COLUMNS)


def _tasks(files: Sequence[RawFile], footers: Sequence[Footer]) -> list[list[_Group]]:
    """Splits all row groups into tasks."""
    tasks: list[list[_Group]] = []
    load = TASK_BYTES
    for file, footer in zip(files, footers, strict=True):
        rows = max(1, footer.rows // max(1, len(footer.groups)))
        for group, size in enumerate(footer.groups):
            if load >= TASK_BYTES:
                tasks.append([])
                load = 0
            tasks[-1].append(_Group(file.path, file.file.path, group, size // rows + 1))
            load += size
    return tasks


def _rows(store: Store, form: str, columns: Sequence[_Column], tasks: Sequence[Sequence[_Group]],
          batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """The rows of the tasks whose numbers are in `batches`."""
    read = _read_parquet if form == "parquet" else _read_orc
    for batch in batches:
        for task in batch.column("id").to_pylist():
            for group in tasks[task]:
                with _name_damaged_file(group, form), ExitStack() as stack:
                    for micros, nanos in read(store, group, columns, stack):
                        yield _convert(micros, nanos, columns, group.name)


@contextmanager
def _name_damaged_file(group: _Group, form: str) -> Iterator[None]:
    """Names the file in errors of pyarrow."""
    try:
        yield
    except (pa.ArrowException, OSError) as error:
        raise DataError("clean", group.path, "is damaged within, or has a feature that pyarrow "
                        f"{pa.__version__} doesn't read: {error}",
                        f"land a whole {NAMES[form]} file, then ingest again") from error


_Columns = dict[str, pa.Array]
_Batches = Iterator[tuple[_Columns, _Columns]]
"""Columns with times in microseconds, and those with INT96 times again in nanoseconds."""


def _read_parquet(store: Store, group: _Group, columns: Sequence[_Column], stack: ExitStack) -> _Batches:
    def batches(names: list[str], unit: str) -> Iterator[_Columns]:
        handle = stack.enter_context(store.open(group.path))
        opened = pq.ParquetFile(handle, metadata=plain_metadata(handle), coerce_int96_timestamp_unit=unit)
        rows = max(1, min(_BATCH_BYTES // group.row_bytes, _BATCH_ROWS))
        read = opened.iter_batches(rows, row_groups=[group.number], columns=names, use_threads=False)
        # A name with a dot may select other columns as well.
        return (dict(zip(batch.schema.names, batch.columns, strict=True)) for batch in read)

    int96 = [column.name for column in columns if column.int96]
    nanos = batches(int96, "ns") if int96 else repeat({})
    return zip(batches([column.name for column in columns], "us"), nanos, strict=False)


def _read_orc(store: Store, group: _Group, columns: Sequence[_Column], stack: ExitStack) -> _Batches:
    opened = orc.ORCFile(stack.enter_context(store.open(group.path)))
    stripe = opened.read_stripe(group.number, [column.name for column in columns])
    for start in range(0, stripe.num_rows, _BATCH_ROWS):
        batch = stripe.slice(start, _BATCH_ROWS)
        yield dict(zip(batch.schema.names, batch.columns, strict=True)), {}


def _convert(micros: _Columns, nanos: _Columns, columns: Sequence[_Column], file: str) -> pa.RecordBatch:
    arrays, problems = [], dict[int, list[str]]()
    for column in columns:
        array, wrong = to_spark(micros[column.name], column.kind, column.type)
        if column.name in nanos:
            wrong = {**wrong, **sub_microsecond_rows(micros[column.name], nanos[column.name])}
        for row, problem in wrong.items():
            problems.setdefault(row, []).append(f"{problem} in {column.name!r}")
        arrays.append(array)
    reasons = {row: "has " + ", ".join(parts) for row, parts in problems.items()}
    records = {row: _as_json({**micros, **nanos}, columns, row) for row in problems}
    names, rows = [*(f"c{number}" for number in range(len(arrays))), *EXTRA_COLUMNS], len(arrays[0])
    extra = [pa.repeat(pa.scalar(file), rows), _sparse(reasons, rows), _sparse(records, rows)]
    return pa.RecordBatch.from_arrays([*arrays, *extra], names=names)


def _sparse(texts: Mapping[int, str], rows: int) -> pa.Array:
    return pa.array([texts.get(row) for row in range(rows)] if texts else [None] * rows, pa.string())


def _as_json(arrays: _Columns, columns: Sequence[_Column], row: int) -> str:
    """The original row as JSON, without nulls."""
    values = {column.name: _json_value(arrays[column.name][row], column.type) for column in columns}
    present = {name: value for name, value in values.items() if value is not None}
    return json.dumps(present, default=_text, ensure_ascii=False, separators=(",", ":"))


def _json_value(value: pa.Scalar, kind: pa.DataType) -> Any:
    """A value for JSON; durations have their unit."""
    if not value.is_valid:
        return None
    if pa.types.is_duration(kind):
        return f"{value.cast(pa.int64()).as_py()} {kind.unit}"
    if pa.types.is_struct(kind):
        return {field.name: _json_value(value[number], field.type) for number, field in enumerate(kind)}
    if pa.types.is_map(kind):
        keys, items = value.values.flatten()
        pairs = zip(keys, items, strict=True)
        return {str(_json_value(key, kind.key_type)): _json_value(item, kind.item_type) for key, item in pairs}
    if hasattr(kind, "value_field"):
        return [_json_value(inner, kind.value_type) for inner in value.values]
    try:
        return value.as_py()
    except (ValueError, OverflowError):  # a time that Python doesn't have
        return value.cast(pa.string()).as_py()


def _text(value: object) -> str:
    return base64.b64encode(value).decode() if isinstance(value, bytes) else str(value)
