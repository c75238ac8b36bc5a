"""Scans files of JSON lines, faster than they are read: is Spark's reader safe for them, how many rows and which keys?

    scans = scan_files(spark, store, files, columns)      # a LineScan for each file

Spark's reader parses the first value of a line and ignores what follows: `{"id":1}{"id":2}` is a row of 1. It also
rounds values that don't fit their types. Flat lines with the same keys are recognised by their bytes. Other lines are
parsed by Arrow, which does neither: a block that it accepts, with a row for each line, is safe. A block that it rejects
(for a broken line, a key of two types or a duplicate key) is checked by `trailing_text` and line by line.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.json as pj
from pyspark.sql import Row, SparkSession
from pyspark.sql import types as T

from laketrain.clean.reading.encoding import is_valid_utf8, name_damaged_file, open_text
from laketrain.clean.reading.json.duplicate_keys import has_duplicate_key
from laketrain.clean.reading.json.flat_lines import match_flat_lines
from laketrain.clean.reading.json.loss_scan import arrow_schema, loses_values, may_lose_values
from laketrain.clean.reading.json.schema_merge import from_arrow, merge_schemas
from laketrain.clean.reading.json.trailing_text import classify_lines
from laketrain.clean.reading.ranges import Range, Text, in_tasks, numbers_of, ranges_of
from laketrain.lake import Store

BLOCK = 256 << 10
"""Bytes of lines that are checked at a time: few enough for the cache of one core."""
_HEAD = 64 << 10
_MAX_KEYS = 1000
"""Arrow makes a column of each key: with more keys in the head of a block, Arrow isn't used."""
_MAX_BRACKETS = 500
"""Brackets that one line may open: at some ten thousand levels of nesting, Arrow crashes the process."""
_RESULT_DDL = "number bigint, spark_safe boolean, rows bigint, columns string"
_RESULT_SCHEMA = pa.schema([("number", pa.int64()), ("spark_safe", pa.bool_()), ("rows", pa.int64()),
                            ("columns", pa.string())])


@dataclass(frozen=True)
class LineScan:
    """The result for some lines of a file.

    Attributes:
        spark_safe: whether Spark's reader reads each line whole and exactly, or rejects it. rows: the number of lines
            that aren't blank. columns: those of `schema_merge`; None if they are unknown.
    """

    spark_safe: bool
    rows: int
    columns: T.StructType | None


def scan_files(spark: SparkSession, store: Store, files: Sequence[Text], columns: T.StructType) -> list[LineScan]:
    """Scans each file, in Spark tasks.

    Args:
        columns: those that will be read, with their types.
    """
    ranges = [part for file in files for part in ranges_of(file)]
    tasks = in_tasks(ranges, spark.sparkContext.defaultParallelism)
    task = partial(_scan_ranges, store, tasks, columns)
    frame = spark.range(0, len(tasks), 1, max(1, len(tasks))).mapInArrow(task, _RESULT_DDL)
    rows = {row["number"]: row for row in frame.collect()}
    return [_combine([_from_row(rows[number]) for number in numbers]) for numbers in numbers_of(files)]


def _from_row(row: Row) -> LineScan:
    columns = row["columns"]
    return LineScan(row["spark_safe"], row["rows"],
                    None if columns is None else T.StructType.fromJson(json.loads(columns)))


def _combine(scans: Sequence[LineScan]) -> LineScan:
    """The result for several parts together."""
    return LineScan(all(scan.spark_safe for scan in scans), sum(scan.rows for scan in scans),
                    merge_schemas([scan.columns for scan in scans]))


# ---- In a task


def _scan_ranges(store: Store, tasks: Sequence[Sequence[tuple[int, Range]]], columns: T.StructType,
                 batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Scans the ranges of the tasks whose numbers are in the batches."""
    scan = partial(scan_block, columns=columns, schema=arrow_schema(columns))
    for batch in batches:
        for number, part in (numbered for task in batch.column(0).to_pylist() for numbered in tasks[task]):
            with store.open(part.path) as handle, name_damaged_file(part.ref):
                result = _combine([scan(block) for block in line_blocks(handle, part)])
            result_columns = None if result.columns is None else result.columns.json()
            cells = zip((number, result.spark_safe, result.rows, result_columns), _RESULT_SCHEMA, strict=True)
            yield pa.RecordBatch.from_arrays([pa.array([cell], field.type) for cell, field in cells],
                                             schema=_RESULT_SCHEMA)


def line_blocks(handle: BinaryIO, part: Range) -> Iterator[bytes]:
    """The lines that begin in the range, in blocks of whole lines; the last line may have no line end."""
    pieces: list[bytes] = []
    for chunk in _whole_chunks(handle, part) if part.whole else _chunks(handle, part):
        end = chunk.rfind(b"\n") + 1
        if end:
            yield b"".join([*pieces, chunk[:end]])
            pieces = []
        if end < len(chunk):
            pieces.append(chunk[end:])
    if pieces:
        yield b"".join(pieces)


def _whole_chunks(handle: BinaryIO, part: Range) -> Iterator[bytes]:
    return iter(partial(open_text(handle, part.path).read, BLOCK), b"")


def _chunks(handle: BinaryIO, part: Range) -> Iterator[bytes]:
    """The bytes from the first line that begins in the range to the end of the last one."""
    position, started = max(0, part.start - 1), part.start == 0
    handle.seek(position)
    while chunk := handle.read(BLOCK):
        if not started:
            skipped = chunk.find(b"\n") + 1
            started = skipped > 0
            position += skipped or len(chunk)
            chunk = chunk[skipped:] if started else b""
            if position >= part.stop:
                return
        end = chunk.find(b"\n", max(0, part.stop - 1 - position)) + 1
        yield chunk[:end] if end else chunk
        position += len(chunk)
        if end:
            return


def scan_block(lines: bytes, columns: T.StructType, schema: pa.Schema | None) -> LineScan:
    """Scans whole lines.

    Args:
        schema: the columns that Arrow reads in the declared types, by `arrow_schema`.
    """
    flat = match_flat_lines(lines, columns)
    if flat is not None:
        return LineScan(True, flat.rows, T.StructType([T.StructField(name, T.StringType()) for name in flat.names]))
    rows = None if schema is None else _count_object_lines(lines)
    if schema is not None and rows is not None:
        parts = [_scan_with_arrow(part, columns, schema) for part in _head_and_rest(lines)]
        accepted = [part for part in parts if part is not None]
        if len(accepted) == len(parts) and sum(part.rows for part in accepted) == rows:
            return _combine(accepted)
    suspect, blank = classify_lines(lines)
    safe = (not suspect.any() and not may_lose_values(lines, columns)
            and not any(map(has_duplicate_key, lines.split(b"\n"))))
    return LineScan(safe, len(blank) - int(blank.sum()), None)


def _count_object_lines(lines: bytes) -> int | None:
    """The number of lines that aren't empty, if each begins and ends as an object does, so that each row that Arrow
    parses begins and ends on the same line. None otherwise."""
    if b"\0" in lines or lines.count(b"\r") != lines.count(b"\r\n") or not is_valid_utf8(lines):
        return None
    if not lines:
        return 0
    data = np.frombuffer(lines, np.uint8)
    ends = np.flatnonzero(data == ord("\n"))
    starts = np.concatenate([[0], ends + 1])
    ends = np.concatenate([ends, [len(data)]])
    ends = ends - ((ends > starts) & (data[np.maximum(ends - 1, 0)] == ord("\r")))
    full = ends > starts
    starts, ends = starts[full], ends[full]
    if not ((data[starts] == ord("{")) & (data[ends - 1] == ord("}"))).all():
        return None
    long = np.flatnonzero(ends - starts > 2 * _MAX_BRACKETS)
    if any(lines.count(b"[", start, end) + lines.count(b"{", start, end) > _MAX_BRACKETS
           for start, end in zip(starts[long].tolist(), ends[long].tolist(), strict=True)):
        return None
    return len(starts)


def _head_and_rest(lines: bytes) -> list[bytes]:
    """The lines in at most two parts, a small one first, without empty ones."""
    end = lines.find(b"\n", _HEAD) + 1
    parts = [lines[:end], lines[end:]] if end else [lines]
    return [part for part in parts if part.strip()]


def _scan_with_arrow(lines: bytes, columns: T.StructType, schema: pa.Schema) -> LineScan | None:
    """Scans lines by Arrow's parser; None if it rejects them, or would make too many columns."""
    table = _parse_with_arrow(lines, schema)
    if table is None or _leaf_count(table.schema) > _MAX_KEYS:
        return None
    inferred: pa.Table | None = table
    if any(table[name].null_count == len(table) for name in schema.names):
        inferred = _parse_with_arrow(lines, None)  # with a schema, Arrow adds columns that the lines don't have
    return LineScan(not loses_values(table, columns), len(table),
                    None if inferred is None else from_arrow(inferred.schema))


def _parse_with_arrow(lines: bytes, schema: pa.Schema | None) -> pa.Table | None:
    """Parses the lines with Arrow; None if it rejects them."""
    options = pj.ReadOptions(use_threads=False, block_size=len(lines) + 1)
    try:
        return pj.read_json(io.BytesIO(lines), options, pj.ParseOptions(explicit_schema=schema,
                                                                        unexpected_field_behavior="infer"))
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, UnicodeDecodeError):
        return None


def _leaf_count(kind: pa.Schema | pa.DataType) -> int:
    if isinstance(kind, pa.Schema) or pa.types.is_struct(kind):
        return sum(_leaf_count(field.type) for field in kind)
    return _leaf_count(kind.value_type) if pa.types.is_list(kind) else 1
