r"""Checks without parsing whether Spark's CSV reader parses all doubles in a text correctly.

    plain_doubles(b"id,x\n1,2.5e-3\n")              # True
    plain_doubles(b"id,x\n1,1e400\n")               # False: Spark silently returns infinity
    have_plain_doubles(spark, store, files)           # the same for each file

Spark parses a double exactly unless it overflows: then it has an exponent of three digits, or very many digits. Spark
accepts the label `2D` as a number, and rejects `inf` and `nan` as Python writes them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from typing import BinaryIO

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pyspark.sql import SparkSession

from laketrain.clean.reading.encoding import name_damaged_file, open_text
from laketrain.clean.reading.ranges import BLOCK, Range, Text, in_tasks, numbers_of, ranges_of
from laketrain.lake import Store

_BLOCK = 32
"""Bytes; any 63 digits in a row fill an aligned block, and a double can have 308."""
_EXPONENT = re.compile(rb"[\d.][eE]\+?\d{3}")
_SPECIAL = re.compile(rb"(?i)(?<![a-z])(inf|nan)(?![a-z])")
_JAVA_NUMBER = re.compile(rb"(?i)(?<![\w.])[+-]?(?:\d+[.]?\d*|[.]\d+)(?:e[+-]?\d+)?[df](?!\w)|0x[\da-f.]+p")
_OVERLAP = 160
"""Bytes of a block that are checked again with the next one: more than a long run of digits, or a number without one,
has."""
_ALL, _FULL = np.uint64(0x0101010101010101), np.uint32(0x01010101)


def have_plain_doubles(spark: SparkSession, store: Store, files: Sequence[Text]) -> list[bool]:
    """Whether the doubles of each file are plain. Runs in Spark tasks."""
    ranges = [part for file in files for part in ranges_of(file)]
    tasks = in_tasks(ranges, spark.sparkContext.defaultParallelism)
    frame = spark.range(0, len(tasks), 1, len(tasks)).mapInArrow(partial(_other, store, tasks), "number bigint")
    other = {row["number"] for row in frame.collect()}
    return [other.isdisjoint(numbers) for numbers in numbers_of(files)]


def _other(store: Store, tasks: Sequence[Sequence[tuple[int, Range]]], batches: Iterable[pa.RecordBatch]
           ) -> Iterator[pa.RecordBatch]:
    """The numbers of the tasks' ranges with doubles that aren't plain."""
    for batch in batches:
        for number, part in (numbered for task in batch.column(0).to_pylist() for numbered in tasks[task]):
            with store.open(part.path) as handle, name_damaged_file(part.ref):
                plain = all(plain_doubles(block) for block in _blocks(handle, part))
            if not plain:
                yield pa.RecordBatch.from_pydict({"number": [number]})


def _blocks(handle: BinaryIO, part: Range) -> Iterator[bytes]:
    """The range's bytes in blocks that overlap."""
    text = open_text(handle, part.path) if part.whole else handle
    offset = 0 if part.whole else max(0, part.start - _OVERLAP)
    if offset:
        text.seek(offset)
    rest = b""
    while (part.whole or offset < part.stop) and (chunk := text.read(BLOCK)):
        offset += len(chunk)
        yield rest + chunk
        rest = chunk[-_OVERLAP:]


def plain_doubles(data: bytes) -> bool:
    """Whether Spark parses all numbers in `data` correctly: none overflows, is special, or has Java's syntax."""
    array = np.frombuffer(data, np.uint8)
    digits = (array - np.uint8(ord("0"))) < np.uint8(10)
    lower = array | np.uint8(32)  # doesn't change digits, points and pluses
    candidates = ((_EXPONENT, _exponents(lower, digits)), (_SPECIAL, _specials(lower)))
    return not _many(digits) and not _has_java_numbers(data, lower, digits) and not any(
        pattern.match(data, offset) for pattern, offsets in candidates for offset in offsets.tolist())


def _has_java_numbers(data: bytes, lower: npt.NDArray[np.uint8], digits: npt.NDArray[np.bool_]) -> bool:
    """Whether there is a number followed by d or f, or one like 0x1p3."""
    numeric = digits | (lower == ord("."))
    after = np.append(lower[1:] - np.uint8(ord("a")) < np.uint8(26), False)
    letters = ((lower == ord("d")) | (lower == ord("f"))) & ~after | (lower == ord("x"))
    offsets = np.flatnonzero(letters[1:] & numeric[:-1]) + 1
    return any(_JAVA_NUMBER.search(data, max(0, offset - _OVERLAP), offset + _OVERLAP) for offset in offsets.tolist())


def _many(digits: npt.NDArray[np.bool_]) -> bool:
    whole = len(digits) // _BLOCK * _BLOCK
    full = digits[:whole].view(np.uint64) == _ALL
    return bool((full.view(np.uint32) == _FULL).any())


def _exponents(lower: npt.NDArray[np.uint8], digits: npt.NDArray[np.bool_]) -> npt.NDArray[np.int64]:
    """The offsets of a digit or a point before an e that a digit or a plus follows."""
    offsets = np.flatnonzero(lower[1:-1] == ord("e"))
    offsets = offsets[digits[offsets] | (lower[offsets] == ord("."))]
    return offsets[digits[offsets + 2] | (lower[offsets + 2] == ord("+"))]


def _specials(lower: npt.NDArray[np.uint8]) -> npt.NDArray[np.int64]:
    """The offsets of inf and nan."""
    infinities = np.flatnonzero(lower[2:] == ord("f"))
    infinities = infinities[(lower[infinities + 1] == ord("n")) & (lower[infinities] == ord("i"))]
    nans = np.flatnonzero(lower[1:-1] == ord("a"))
    nans = nans[(lower[nans] == ord("n")) & (lower[nans + 2] == ord("n"))]
    return np.concatenate([infinities, nans])
