"""Surveys large CSV files: whether every record is a line, the number of records, and where the files may be split.

    surveys = survey(spark, store, files, grammar)      # a FileSurvey for each file

Whether an offset is within quotes depends on all bytes before it. So each range is scanned twice from its first line:
once as if a record started there, once as if that line were within quotes. Then the ranges are combined from the start
of the file: the scan of one range ends where the records of the next one start. Both scans soon find the same records,
so the second one is short.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import BinaryIO

import numpy as np
import pyarrow as pa
from pyspark.sql import SparkSession

from laketrain.clean.reading.csv.records import Cut, Grammar, Offsets
from laketrain.clean.reading.csv.slices import cuts, is_text, utf8
from laketrain.clean.reading.encoding import name_damaged_file, open_text
from laketrain.clean.reading.ranges import BLOCK, Range, Text, in_tasks, numbers_of, ranges_of
from laketrain.lake import Store

_BEYOND = 64 << 10
"""Bytes that are first read beyond the end of a range."""
_MARK = b"\xef\xbb\xbf"
_ROWS = pa.schema([(name, pa.int64()) for name in ("number", "entry", "after", "rows", "plain", "within", "leaving")])


@dataclass(frozen=True)
class FileSurvey:
    """A file's records.

    plain: every record is a line that Spark's reader parses correctly. rows: the number of records. ranges: byte
    ranges that no record crosses.
    """

    plain: bool
    rows: int
    ranges: tuple[tuple[int, int | None], ...]


RangeSurvey = tuple[int | None, ...]
"""A range's entry, after, rows, plain, quoted entry and quoted after.

entry: the offset of its first record. after: the offset of the first record beyond the range. rows: the number of
records. plain: whether all of them are. The quoted ones: entry and after if its first line were within quotes.
"""


@dataclass(frozen=True)
class _Scan:
    """The records of a range.

    entry: the offset of the first one. after: the offset of the first one beyond the range. rows: their number. plain:
    whether all of them are. early: the offsets of the records in the first block.
    """

    entry: int
    after: int
    rows: int
    plain: bool
    early: Offsets


def survey(spark: SparkSession, store: Store, files: Sequence[Text], grammar: Grammar) -> list[FileSurvey]:
    """Surveys each file, in Spark tasks."""
    ranges = [part for file in files for part in ranges_of(file)]
    tasks = in_tasks(ranges, spark.sparkContext.defaultParallelism)
    task = partial(_survey_ranges, store, tasks, grammar)
    frame = spark.range(0, len(tasks), 1, len(tasks)).mapInArrow(
        task, ", ".join(f"{name} bigint" for name in _ROWS.names))
    rows = {row["number"]: row for row in frame.collect()}
    return [combine(store, ranges_of(file), [tuple(rows[number][1:]) for number in numbers], grammar)
            for file, numbers in zip(files, numbers_of(files), strict=True)]


def is_plain(cut: Cut) -> bool:
    """Whether Spark's reader parses the records of the cut correctly.

    Spark removes a byte order mark at the start of any line, and replaces bytes that aren't UTF-8 with U+FFFD.
    """
    used = cut.data[:cut.used]
    if not cut.plain or not is_text(used):
        return False
    return used.isascii() or not any(end + _MARK in used for end in (b"\n", b"\r"))


def combine(store: Store, ranges: Sequence[Range], surveys: Sequence[RangeSurvey], grammar: Grammar) -> FileSurvey:
    """The survey of a file, from those of its ranges."""
    offset, rows, plain = surveys[0][0] or 0, 0, True
    parts: list[tuple[int, int | None]] = []
    for part, (entry, after, count, all_plain, quoted_entry, quoted_after) in zip(ranges, surveys, strict=True):
        rows, plain = rows + (count or 0), plain and bool(all_plain)
        if offset >= part.stop:
            continue
        if offset not in (entry, quoted_entry):
            # After a rejected record, the next one may start where neither scan had one.
            with store.open(part.path) as handle:
                after = _scan(handle, grammar, offset, part.stop).after
        plain = plain and offset == entry
        end = after if offset != quoted_entry or offset == entry else quoted_after
        parts.append((offset if parts else 0, end))
        offset = end or part.stop
    return FileSurvey(plain, rows, ((0, None),) if len(parts) < 2 else tuple(parts))


def _survey_ranges(store: Store, tasks: Sequence[Sequence[tuple[int, Range]]], grammar: Grammar,
                   batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Surveys the ranges of the tasks whose numbers are in `batches`."""
    for batch in batches:
        for number, part in (numbered for task in batch.column(0).to_pylist() for numbered in tasks[task]):
            with store.open(part.path) as handle, name_damaged_file(part.ref):
                result = survey_whole(handle, part, grammar) if part.whole else survey_range(handle, part, grammar)
            yield pa.RecordBatch.from_arrays([pa.array([value], pa.int64()) for value in (number, *result)],
                                             schema=_ROWS)


def survey_whole(handle: BinaryIO, part: Range, grammar: Grammar) -> RangeSurvey:
    """The survey of a file that can't be split."""
    text = open_text(handle, part.path)
    rows, plain = 0, True
    for cut in cuts(utf8(iter(partial(text.read, BLOCK), b""), "utf-8"), grammar):
        rows, plain = rows + len(cut), plain and is_plain(cut)
    return 0, part.stop, rows, int(plain), None, None


def survey_range(handle: BinaryIO, part: Range, grammar: Grammar) -> RangeSurvey:
    """The survey of a range."""
    begin = _first_line(handle, part, grammar)
    if begin is None:
        return None, part.stop, 0, 1, None, None
    scan = _scan(handle, grammar, begin, part.stop)
    other = _scan_quoted(handle, grammar, begin, part, scan) if part.start else None
    return (scan.entry, scan.after, scan.rows, int(scan.plain),
            *((None, None) if other is None else (other.entry, other.after)))


def _first_line(handle: BinaryIO, part: Range, grammar: Grammar) -> int | None:
    """The offset of the first line that starts in the range, or None."""
    if not part.start:
        handle.seek(0)
        return len(_MARK) if handle.read(len(_MARK)) == _MARK else 0
    start, text = part.start - max(1, len(grammar.line_end)), b""
    for chunk in _read_blocks(handle, start, part.stop):
        text += chunk
        line = grammar.next_line(text)
        if line is not None or start + len(text) >= part.stop:
            break
    return start + line if line is not None and start + line < part.stop else None


def _scan(handle: BinaryIO, grammar: Grammar, start: int, stop: int) -> _Scan:
    """The records that start in [`start`, `stop`). The first one starts at `start`, the last one may end beyond."""
    base, rows, plain = start, 0, True
    entry: int | None = None
    early: Offsets | None = None
    for cut in cuts(_read_blocks(handle, start, stop), grammar):
        starts = cut.starts + base
        early = starts if early is None else early
        entry = int(starts[0]) if entry is None and len(starts) else entry
        inside = int(np.searchsorted(starts, stop))
        rows, plain = rows + inside, plain and is_plain(cut)
        base += cut.used
        if inside < len(starts):
            return _Scan(int(starts[0]) if entry is None else entry, int(starts[inside]), rows, plain, early)
    return _Scan(base if entry is None else entry, base, rows, plain,
                 np.empty(0, np.int64) if early is None else early)


def _scan_quoted(handle: BinaryIO, grammar: Grammar, begin: int, part: Range, scan: _Scan) -> _Scan | None:
    """The scan of the range as if its first line were within quotes; None if it clearly isn't."""
    text = next(_read_blocks(handle, begin, part.stop), b"")
    resumed = grammar.resume(text, final=False)
    if resumed is None:
        return None
    starts = grammar.cut(text, final=False, start=resumed).starts + begin
    same = np.intersect1d(starts, scan.early)
    if len(same) and same[0] < part.stop:
        return _Scan(int(starts[0]), scan.after, 0, False, starts)
    return _scan(handle, grammar, begin + resumed, part.stop)


def _read_blocks(handle: BinaryIO, start: int, stop: int) -> Iterator[bytes]:
    """The bytes from `start`, in blocks; beyond `stop` in growing ones, until the caller stops."""
    handle.seek(start)
    offset, beyond = start, _BEYOND
    while chunk := handle.read(min(BLOCK, stop - offset + _BEYOND) if offset < stop else beyond):
        yield chunk
        offset += len(chunk)
        beyond = min(2 * beyond, BLOCK) if offset > stop else beyond
