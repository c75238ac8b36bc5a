"""What files of JSON lines are like, found faster than they are read: whether Spark's reader may be trusted with each
line, how many rows there are, and which keys.

    looks = look(spark, store, files, columns)      # a Look for each file

Spark's reader takes the first value of a line and is silent about what follows it: `{"id":1}{"id":2}` is a row of 1.
And it rounds what its types don't hold. Flat lines alike are told by their bytes. Of others Arrow's parser, which does
neither, is asked: a block of lines which that takes, a row for each, is fine. One that it doesn't take, for a broken
line, a key of two types or one that is there twice, is judged by `json_tails` and line by line.
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
from laketrain.clean.reading.json_flat import flat_lines
from laketrain.clean.reading.json_keys import columns_of, merged
from laketrain.clean.reading.json_suspects import loses, may_lose, wanted_columns
from laketrain.clean.reading.json_tails import odd_and_blank
from laketrain.clean.reading.json_twice import has_a_key_twice
from laketrain.clean.reading.ranges import Range, Text, in_tasks, numbers_of, ranges_of
from laketrain.lake import Store

BLOCK = 256 << 10
"""Bytes of lines that are looked at at a time: few enough for a core's own cache."""
_HEAD = 64 << 10
_MOST_KEYS = 1000
"""Arrow gives every key a value in every row: more of them in a block's head than this, and it isn't asked."""
_MOST_NESTED = 500
"""Brackets that one line may open: beyond some ten thousand within each other Arrow ends the process."""
_TYPES = "number bigint, plain boolean, rows bigint, keys string"
_ROWS = pa.schema([("number", pa.int64()), ("plain", pa.bool_()), ("rows", pa.int64()), ("keys", pa.string())])


@dataclass(frozen=True)
class Look:
    """Lines of a file.

    Attributes:
        plain: whether Spark's reader reads each one whole, and exactly, or refuses it. rows: how many aren't blank.
            keys: their columns, as `json_keys` has them; None where that isn't known.
    """

    plain: bool
    rows: int
    keys: T.StructType | None


def look(spark: SparkSession, store: Store, files: Sequence[Text], columns: T.StructType) -> list[Look]:
    """What each file is like, in tasks of Spark. `columns`: those that are to be read, with their types."""
    ranges = [part for file in files for part in ranges_of(file)]
    tasks = in_tasks(ranges, spark.sparkContext.defaultParallelism)
    task = partial(_looks, store, tasks, columns)
    frame = spark.range(0, len(tasks), 1, max(1, len(tasks))).mapInArrow(task, _TYPES)
    found = {row["number"]: row for row in frame.collect()}
    return [_all([_look_of(found[number]) for number in own]) for own in numbers_of(files)]


def _look_of(row: Row) -> Look:
    return Look(row["plain"], row["rows"],
                None if row["keys"] is None else T.StructType.fromJson(json.loads(row["keys"])))


def _all(looks: Sequence[Look]) -> Look:
    """What several parts are like together."""
    return Look(all(one.plain for one in looks), sum(one.rows for one in looks), merged([one.keys for one in looks]))


# ---- In a task


def _looks(store: Store, tasks: Sequence[Sequence[tuple[int, Range]]], columns: T.StructType,
           batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """What the ranges are like of the tasks whose numbers come in."""
    judge = partial(judged, columns=columns, wanted=wanted_columns(columns))
    for batch in batches:
        for number, part in (one for task in batch.column(0).to_pylist() for one in tasks[task]):
            with store.open(part.path) as handle, name_damaged_file(part.ref):
                found = _all([judge(block) for block in line_blocks(handle, part)])
            keys = None if found.keys is None else found.keys.json()
            cells = zip((number, found.plain, found.rows, keys), _ROWS, strict=True)
            yield pa.RecordBatch.from_arrays([pa.array([cell], field.type) for cell, field in cells], schema=_ROWS)


def line_blocks(handle: BinaryIO, part: Range) -> Iterator[bytes]:
    """The lines that begin in the range, in blocks of whole ones, the last of which may lack its end."""
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
    """The bytes from the range's first line on to the end of its last one."""
    place, begun = max(0, part.start - 1), part.start == 0
    handle.seek(place)
    while chunk := handle.read(BLOCK):
        if not begun:
            skipped = chunk.find(b"\n") + 1
            begun = skipped > 0
            place += skipped or len(chunk)
            chunk = chunk[skipped:] if begun else b""
            if place >= part.stop:
                return
        end = chunk.find(b"\n", max(0, part.stop - 1 - place)) + 1
        yield chunk[:end] if end else chunk
        place += len(chunk)
        if end:
            return


def judged(lines: bytes, columns: T.StructType, wanted: pa.Schema | None) -> Look:
    """What some whole lines are like. `wanted`: the columns that Arrow is to read in types of ours; None: it can't."""
    flat = flat_lines(lines, columns)
    if flat is not None:
        return Look(True, flat.rows, T.StructType([T.StructField(name, T.StringType()) for name in flat.names]))
    rows = None if wanted is None else _rows(lines)
    if wanted is not None and rows is not None:
        parts = [_parsed(part, columns, wanted) for part in _head_and_rest(lines)]
        strict = [part for part in parts if part is not None]
        if len(strict) == len(parts) and sum(part.rows for part in strict) == rows:
            return _all(strict)
    odd, blank = odd_and_blank(lines)
    plain = not odd.any() and not may_lose(lines, columns) and not any(map(has_a_key_twice, lines.split(b"\n")))
    return Look(plain, len(blank) - int(blank.sum()), None)


def _rows(lines: bytes) -> int | None:
    """How many lines there are, if each one that isn't empty begins and ends as an object does, so that whatever Arrow
    takes for a row begins and ends on the same line; None otherwise."""
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
    long = np.flatnonzero(ends - starts > 2 * _MOST_NESTED)
    if any(lines.count(b"[", start, end) + lines.count(b"{", start, end) > _MOST_NESTED
           for start, end in zip(starts[long].tolist(), ends[long].tolist(), strict=True)):
        return None
    return len(starts)


def _head_and_rest(lines: bytes) -> list[bytes]:
    """The lines in two parts, none of them empty, the first of which is a small one."""
    end = lines.find(b"\n", _HEAD) + 1
    parts = [lines[:end], lines[end:]] if end else [lines]
    return [part for part in parts if part.strip()]


def _parsed(lines: bytes, columns: T.StructType, wanted: pa.Schema) -> Look | None:
    """What lines are like that Arrow parses; None where it doesn't, or has too many columns to make."""
    table = _table(lines, wanted)
    if table is None or _leaves(table.schema) > _MOST_KEYS:
        return None
    keys: pa.Table | None = table
    if any(table[name].null_count == len(table) for name in wanted.names):
        keys = _table(lines, None)  # Arrow gives a column that is wanted to lines that lack it
    return Look(not loses(table, columns), len(table), None if keys is None else columns_of(keys.schema))


def _table(lines: bytes, wanted: pa.Schema | None) -> pa.Table | None:
    """The lines as Arrow parses them, strictly; None where it doesn't."""
    reading = pj.ReadOptions(use_threads=False, block_size=len(lines) + 1)
    try:
        return pj.read_json(io.BytesIO(lines), reading, pj.ParseOptions(explicit_schema=wanted,
                                                                        unexpected_field_behavior="infer"))
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, UnicodeDecodeError):
        return None


def _leaves(kind: pa.Schema | pa.DataType) -> int:
    if isinstance(kind, pa.Schema) or pa.types.is_struct(kind):
        return sum(_leaves(field.type) for field in kind)
    return _leaves(kind.value_type) if pa.types.is_list(kind) else 1
