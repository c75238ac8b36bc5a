"""Byte ranges of text files, one task of Spark for a few of them.

    ranges = [part for file in files for part in ranges_of(file)]
    tasks = in_tasks(ranges, spark.sparkContext.defaultParallelism)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

from laketrain.clean.reading.encoding import is_compressed
from laketrain.clean.reading.raw_files import RawFile

RANGE = 32 << 20
"""Bytes in a range."""
BLOCK = 256 << 10
"""Bytes processed at once. They fit into a core's cache, which is a third faster than 4 MB."""
_TASK_BYTES = 256 << 20


@dataclass(frozen=True)
class Text:
    """A file in the lake. ref: its name in messages. whole: it is compressed, so it can't be split."""

    path: str
    ref: str
    size: int
    whole: bool

    @classmethod
    def of(cls, file: RawFile) -> Text:
        return cls(file.path, file.ref, file.file.bytes, is_compressed(file.path))


@dataclass(frozen=True)
class Range:
    """The bytes [start, stop) of a file; all of it if it can't be split."""

    path: str
    ref: str
    start: int
    stop: int
    whole: bool


def ranges_of(file: Text) -> list[Range]:
    """The file's ranges, at least one."""
    if file.whole:
        return [Range(file.path, file.ref, 0, file.size, True)]
    return [Range(file.path, file.ref, start, min(start + RANGE, file.size), False)
            for start in range(0, file.size, RANGE)]


def numbers_of(files: Sequence[Text]) -> list[range]:
    """The numbers of each file's ranges, counted over all files."""
    ends = [0, *accumulate(len(ranges_of(file)) for file in files)]
    return [range(start, end) for start, end in pairwise(ends)]


def in_tasks(ranges: Sequence[Range], cores: int) -> list[list[tuple[int, Range]]]:
    """Groups the ranges, each with its number, into about `cores` tasks, or more so that none has over 256 MB.

    A Python task of Spark takes a quarter of a second to start.
    """
    load = min(_TASK_BYTES, -(-sum(part.stop - part.start for part in ranges) // cores))
    tasks: list[list[tuple[int, Range]]] = []
    room = 0
    for number, part in enumerate(ranges):
        if room <= 0:
            tasks.append([])
            room += load
        tasks[-1].append((number, part))
        room -= part.stop - part.start
    return tasks
