"""What large CSV files are like: whether every record is a line, how many there are, and where they may be cut.

    found = survey(spark, store, files, grammar)      # a Found for each file

Whether a place in a file is within quotes, only what is before it can tell. So each range of a file is walked twice
from its first line on: as if a record began there, and as if that line were within quotes. Which of them is so is
decided from the file's beginning on: the walk through one range ends where the next one's records begin. Soon both
walks find the same records, so the second is a short one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import accumulate, pairwise
from typing import BinaryIO

import numpy as np
import pyarrow as pa
from pyspark.sql import SparkSession

from laketrain.clean.reading.encoding import is_packed, named_damage, plain_text
from laketrain.clean.reading.landed import RawFile
from laketrain.clean.reading.records import Cut, Grammar, Places
from laketrain.clean.reading.slices import cuts, is_text, utf8
from laketrain.lake import Store

RANGE = 32 << 20
"""Bytes of a file that are a task's."""
BLOCK = 256 << 10
"""Bytes that are looked at at once: few enough for a core's own cache, which is a third faster than 4 MB."""
_MOST = 256 << 20
_BEYOND = 64 << 10
"""Bytes that are read beyond a range's end at first."""
_MARK = b"\xef\xbb\xbf"
_ROWS = pa.schema([(name, pa.int64()) for name in ("number", "entry", "after", "rows", "plain", "within", "leaving")])


@dataclass(frozen=True)
class Text:
    """A file in the lake. `ref` is its name in messages. `whole`: it can't be cut."""

    path: str
    ref: str
    size: int
    whole: bool

    @classmethod
    def of(cls, file: RawFile) -> Text:
        return cls(file.path, file.ref, file.file.bytes, is_packed(file.path))


@dataclass(frozen=True)
class Found:
    """A file's records: whether each is a line and fit for Spark's own reader, how many there are, and the ranges of
    bytes between which no record goes on."""

    plain: bool
    rows: int
    ranges: tuple[tuple[int, int | None], ...]


@dataclass(frozen=True)
class Range:
    """Bytes of a file that are a task's; all of it where it can't be cut."""

    path: str
    ref: str
    start: int
    stop: int
    whole: bool


Look = tuple[int | None, ...]
"""A range's entry, after, rows, plain, within and leaving: where the records that begin in it begin, and where the
first one beyond; how many there are; whether all are plain; and the first two again, were its first line within
quotes."""


@dataclass(frozen=True)
class _Walk:
    """Records of a range, from a place on: where the first begins; where the first one beyond the range begins; how
    many there are; whether all are plain. `early` are the places at which the first of them begin."""

    entry: int
    after: int
    rows: int
    plain: bool
    early: Places


def survey(spark: SparkSession, store: Store, files: Sequence[Text], grammar: Grammar) -> list[Found]:
    """What is found in each file, in tasks of Spark."""
    ranges = [part for file in files for part in ranges_of(file)]
    tasks = in_tasks(ranges, spark.sparkContext.defaultParallelism)
    task = partial(_looks, store, tasks, grammar)
    frame = spark.range(0, len(tasks), 1, len(tasks)).mapInArrow(
        task, ", ".join(f"{name} bigint" for name in _ROWS.names))
    looks = {row["number"]: row for row in frame.collect()}
    return [settled(store, ranges_of(file), [tuple(looks[number][1:]) for number in own], grammar)
            for file, own in zip(files, numbers_of(files), strict=True)]


def plain(cut: Cut) -> bool:
    """Whether Spark's own reader reads the records of the cut as they are. It takes a byte order mark away, wherever a
    line begins with one, and reads what is no UTF-8 as if it were U+FFFD."""
    used = cut.data[:cut.used]
    if not cut.plain or not is_text(used):
        return False
    return used.isascii() or not any(end + _MARK in used for end in (b"\n", b"\r"))


def ranges_of(file: Text) -> list[Range]:
    """The file's ranges, at least one."""
    if file.whole:
        return [Range(file.path, file.ref, 0, file.size, True)]
    return [Range(file.path, file.ref, start, min(start + RANGE, file.size), False)
            for start in range(0, file.size, RANGE)]


def numbers_of(files: Sequence[Text]) -> list[range]:
    """Of each file the numbers of its ranges, counted over all files."""
    ends = [0, *accumulate(len(ranges_of(file)) for file in files)]
    return [range(start, end) for start, end in pairwise(ends)]


def in_tasks(ranges: Sequence[Range], cores: int) -> list[list[tuple[int, Range]]]:
    """The ranges, each with its number, in about as many tasks as there are `cores`, more where a task would have
    more than 256 MB: a Python task of Spark's takes a quarter of a second before it begins."""
    load = min(_MOST, -(-sum(part.stop - part.start for part in ranges) // cores))
    tasks: list[list[tuple[int, Range]]] = []
    room = 0
    for number, part in enumerate(ranges):
        if room <= 0:
            tasks.append([])
            room += load
        tasks[-1].append((number, part))
        room -= part.stop - part.start
    return tasks


def settled(store: Store, ranges: Sequence[Range], looks: Sequence[Look], grammar: Grammar) -> Found:
    """What is found in a file, from the looks at its ranges."""
    place, rows, is_plain = looks[0][0] or 0, 0, True
    parts: list[tuple[int, int | None]] = []
    for part, (entry, leave, count, all_plain, within, leave_within) in zip(ranges, looks, strict=True):
        rows, is_plain = rows + (count or 0), is_plain and bool(all_plain)
        if place >= part.stop:
            continue
        if place not in (entry, within):
            # A record that is refused may leave the next one where neither walk had it.
            with store.open(part.path) as handle:
                leave = _walked(handle, grammar, place, part.stop).after
        is_plain = is_plain and place == entry
        after = leave if place != within or place == entry else leave_within
        parts.append((place if parts else 0, after))
        place = after or part.stop
    return Found(is_plain, rows, ((0, None),) if len(parts) < 2 else tuple(parts))


def _looks(store: Store, tasks: Sequence[Sequence[tuple[int, Range]]], grammar: Grammar,
           batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """What is found in the ranges of the tasks whose numbers come in."""
    for batch in batches:
        for number, part in (one for task in batch.column(0).to_pylist() for one in tasks[task]):
            with store.open(part.path) as handle, named_damage(part.ref):
                found = look_at_whole(handle, part, grammar) if part.whole else look_at(handle, part, grammar)
            yield pa.RecordBatch.from_arrays([pa.array([value], pa.int64()) for value in (number, *found)],
                                             schema=_ROWS)


def look_at_whole(handle: BinaryIO, part: Range, grammar: Grammar) -> Look:
    """Of a file of which no part can be read alone."""
    text = plain_text(handle, part.path)
    rows, is_plain = 0, True
    for cut in cuts(utf8(iter(partial(text.read, BLOCK), b""), "utf-8"), grammar):
        rows, is_plain = rows + len(cut), is_plain and plain(cut)
    return 0, part.stop, rows, int(is_plain), None, None


def look_at(handle: BinaryIO, part: Range, grammar: Grammar) -> Look:
    """Of a range: the walk from its first line on and, if that is within quotes, where records begin and end then."""
    begin = _first_line(handle, part, grammar)
    if begin is None:
        return None, part.stop, 0, 1, None, None
    walk = _walked(handle, grammar, begin, part.stop)
    other = _within(handle, grammar, begin, part, walk) if part.start else None
    return (walk.entry, walk.after, walk.rows, int(walk.plain),
            *((None, None) if other is None else (other.entry, other.after)))


def _first_line(handle: BinaryIO, part: Range, grammar: Grammar) -> int | None:
    """Where the first line of the range begins; None where none does."""
    if not part.start:
        handle.seek(0)
        return len(_MARK) if handle.read(len(_MARK)) == _MARK else 0
    place, text = part.start - max(1, len(grammar.line_end)), b""
    for chunk in _raw(handle, place, part.stop):
        text += chunk
        found = grammar.next_line(text)
        if found is not None or place + len(text) >= part.stop:
            break
    return place + found if found is not None and place + found < part.stop else None


def _walked(handle: BinaryIO, grammar: Grammar, start: int, stop: int) -> _Walk:
    """The records of [`start`, `stop`), the last of which may end beyond; one begins at `start`."""
    base, rows, is_plain = start, 0, True
    entry: int | None = None
    early: Places | None = None
    for cut in cuts(_raw(handle, start, stop), grammar):
        begins = cut.starts + base
        early = begins if early is None else early
        entry = int(begins[0]) if entry is None and len(begins) else entry
        mine = int(np.searchsorted(begins, stop))
        rows, is_plain = rows + mine, is_plain and plain(cut)
        base += cut.used
        if mine < len(begins):
            return _Walk(int(begins[0]) if entry is None else entry, int(begins[mine]), rows, is_plain, early)
    return _Walk(base if entry is None else entry, base, rows, is_plain,
                 np.empty(0, np.int64) if early is None else early)


def _within(handle: BinaryIO, grammar: Grammar, begin: int, part: Range, walk: _Walk) -> _Walk | None:
    """The walk through the range if its first line were within quotes; None where it plainly isn't."""
    text = next(_raw(handle, begin, part.stop), b"")
    resumed = grammar.resume(text, final=False)
    if resumed is None:
        return None
    starts = grammar.cut(text, final=False, start=resumed).starts + begin
    same = np.intersect1d(starts, walk.early)
    if len(same) and same[0] < part.stop:
        return _Walk(int(starts[0]), walk.after, 0, False, starts)
    return _walked(handle, grammar, begin + resumed, part.stop)


def _raw(handle: BinaryIO, start: int, stop: int) -> Iterator[bytes]:
    """The bytes from `start` on, in blocks; beyond `stop` in ever larger ones, as long as they are asked for."""
    handle.seek(start)
    place, beyond = start, _BEYOND
    while chunk := handle.read(min(BLOCK, stop - place + _BEYOND) if place < stop else beyond):
        yield chunk
        place += len(chunk)
        beyond = min(2 * beyond, BLOCK) if place > stop else beyond
