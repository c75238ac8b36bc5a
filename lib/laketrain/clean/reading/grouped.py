"""Parquet and ORC through pyarrow, in the tasks: files with columns that Spark doesn't read, or not exactly.

Their row groups and stripes are cut into parts of about equal work. A row with a value that no type of Spark's holds is
there as rejected, with the value as it was.
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

from laketrain.clean.reading.base import CORRUPT
from laketrain.clean.reading.exact import below_micros, exactly
from laketrain.clean.reading.footers import NAMES, Footer, plain_metadata
from laketrain.clean.reading.landed import RawFile
from laketrain.errors import DataError
from laketrain.lake import Store

PART = 32 << 20
"""Bytes of row groups in a part, as they are when they are unpacked: a task's worth."""
_BATCH_BYTES, _MOST_ROWS = 4 << 20, 10_000
BESIDE = ("_place", "_problem", CORRUPT)
"""Columns that go with a row's own."""


@dataclass(frozen=True)
class _Piece:
    """A row group or stripe. path: of its file, in the lake. place: below the version's directory. row_bytes: about
    how many a row has."""

    path: str
    place: str
    group: int
    row_bytes: int


@dataclass(frozen=True)
class _Wanted:
    """A column: the types that it is to be read in and that Arrow knows it by. old_times: whether it has any."""

    name: str
    kind: T.DataType
    type: pa.DataType
    old_times: bool


def read_groups(spark: SparkSession, form: str, files: Sequence[RawFile], footers: Sequence[Footer],
                wanted: T.StructType) -> DataFrame:
    """The rows of files with the same columns. `wanted`, one or more, are of types that these fit.

    Returns: the wanted columns, then `_place`, `_problem` (why a row is refused) and CORRUPT (such a row as it came).
    """
    parts = _cut(files, footers)
    columns = [_Wanted(field.name, field.dataType, footers[0].types[field.name], field.name in footers[0].old_times)
               for field in wanted]
    task = partial(_rows, files[0].version.lake.store, form, columns, parts)
    # `mapInArrow` takes only plain names.
    plain = [f"c{number}" for number in range(len(wanted))]
    types = T.StructType([
        *(T.StructField(name, field.dataType) for name, field in zip(plain, wanted, strict=True)),
        *(T.StructField(name, T.StringType()) for name in BESIDE)])
    frame = spark.range(0, len(parts), 1, max(1, len(parts))).mapInArrow(task, types)
    return frame.select(*(F.col(name).alias(field.name) for name, field in zip(plain, wanted, strict=True)), *BESIDE)


def _cut(files: Sequence[RawFile], footers: Sequence[Footer]) -> list[list[_Piece]]:
    """All row groups, neighbours together until they are a task's worth."""
    parts: list[list[_Piece]] = []
    load = PART
    for file, footer in zip(files, footers, strict=True):
        rows = max(1, footer.rows // max(1, len(footer.groups)))
        for group, size in enumerate(footer.groups):
            if load >= PART:
                parts.append([])
                load = 0
            parts[-1].append(_Piece(file.path, file.file.path, group, size // rows + 1))
            load += size
    return parts


def _rows(store: Store, form: str, columns: Sequence[_Wanted], parts: Sequence[Sequence[_Piece]],
          batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """The rows of the parts whose numbers come in."""
    reading = _of_parquet if form == "parquet" else _of_orc
    for batch in batches:
        for part in batch.column("id").to_pylist():
            for piece in parts[part]:
                with _named(piece, form), ExitStack() as stack:
                    for found, fine in reading(store, piece, columns, stack):
                        yield _converted(found, fine, columns, piece.place)


@contextmanager
def _named(piece: _Piece, form: str) -> Iterator[None]:
    """Names the file that is damaged within."""
    try:
        yield
    except (pa.ArrowException, OSError) as error:
        raise DataError("clean", piece.path, f"is damaged within, or holds what pyarrow {pa.__version__} doesn't read: "
                        f"{error}", f"land a whole {NAMES[form]} file, then ingest again") from error


_Columns = dict[str, pa.Array]
_Batches = Iterator[tuple[_Columns, _Columns]]
"""Columns and, of old times, the same to the nanosecond."""


def _of_parquet(store: Store, piece: _Piece, columns: Sequence[_Wanted], stack: ExitStack) -> _Batches:
    def batches(names: list[str], unit: str) -> Iterator[_Columns]:
        handle = stack.enter_context(store.open(piece.path))
        opened = pq.ParquetFile(handle, metadata=plain_metadata(handle), coerce_int96_timestamp_unit=unit)
        rows = max(1, min(_BATCH_BYTES // piece.row_bytes, _MOST_ROWS))
        read = opened.iter_batches(rows, row_groups=[piece.group], columns=names, use_threads=False)
        # A name with a dot in it may bring others along.
        return (dict(zip(batch.schema.names, batch.columns, strict=True)) for batch in read)

    old = [column.name for column in columns if column.old_times]
    fine = batches(old, "ns") if old else repeat({})
    return zip(batches([column.name for column in columns], "us"), fine, strict=False)


def _of_orc(store: Store, piece: _Piece, columns: Sequence[_Wanted], stack: ExitStack) -> _Batches:
    opened = orc.ORCFile(stack.enter_context(store.open(piece.path)))
    stripe = opened.read_stripe(piece.group, [column.name for column in columns])
    for start in range(0, stripe.num_rows, _MOST_ROWS):
        batch = stripe.slice(start, _MOST_ROWS)
        yield dict(zip(batch.schema.names, batch.columns, strict=True)), {}


def _converted(found: _Columns, fine: _Columns, columns: Sequence[_Wanted], place: str) -> pa.RecordBatch:
    arrays, problems = [], dict[int, list[str]]()
    for column in columns:
        array, wrong = exactly(found[column.name], column.kind, column.type)
        if column.name in fine:
            wrong = {**wrong, **below_micros(found[column.name], fine[column.name])}
        for row, why in wrong.items():
            problems.setdefault(row, []).append(f"{why} in {column.name!r}")
        arrays.append(array)
    told = {row: "has " + ", ".join(whys) for row, whys in problems.items()}
    came = {row: _came({**found, **fine}, columns, row) for row in problems}
    names, rows = [*(f"c{number}" for number in range(len(arrays))), *BESIDE], len(arrays[0])
    beside = [pa.repeat(pa.scalar(place), rows), _sparse(told, rows), _sparse(came, rows)]
    return pa.RecordBatch.from_arrays([*arrays, *beside], names=names)


def _sparse(texts: Mapping[int, str], rows: int) -> pa.Array:
    return pa.array([texts.get(row) for row in range(rows)] if texts else [None] * rows, pa.string())


def _came(found: _Columns, columns: Sequence[_Wanted], row: int) -> str:
    """A row as it came, as JSON; nulls are left out, as they are elsewhere."""
    values = {column.name: _told(found[column.name][row], column.type) for column in columns}
    there = {name: value for name, value in values.items() if value is not None}
    return json.dumps(there, default=_text, ensure_ascii=False, separators=(",", ":"))


def _told(value: pa.Scalar, kind: pa.DataType) -> Any:
    """A value for JSON, spans of time with their unit."""
    if not value.is_valid:
        return None
    if pa.types.is_duration(kind):
        return f"{value.cast(pa.int64()).as_py()} {kind.unit}"
    if pa.types.is_struct(kind):
        return {field.name: _told(value[number], field.type) for number, field in enumerate(kind)}
    if pa.types.is_map(kind):
        keys, items = value.values.flatten()
        pairs = zip(keys, items, strict=True)
        return {str(_told(key, kind.key_type)): _told(item, kind.item_type) for key, item in pairs}
    if hasattr(kind, "value_field"):
        return [_told(inner, kind.value_type) for inner in value.values]
    try:
        return value.as_py()
    except (ValueError, OverflowError):  # a time that Python doesn't have
        return value.cast(pa.string()).as_py()


def _text(value: object) -> str:
    return base64.b64encode(value).decode() if isinstance(value, bytes) else str(value)
