r"""Whether Spark's CSV reader may be trusted with the doubles in a text, found without reading a number.

    plain_doubles(b"id,x\n1,2.5e-3\n")              # True
    plain_doubles(b"id,x\n1,1e400\n")               # False: Spark makes it infinite, without a word
    trusted(spark, store, files)                      # the same of each file

A double is exact enough as Spark reads it unless it is too large for one: then it has an exponent of three digits or
very many digits. The label `2D` Spark takes for a number. And `inf` and `nan`, as Python writes them, it refuses.
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

from laketrain.clean.reading.encoding import named_damage, plain_text
from laketrain.clean.reading.survey import BLOCK, Range, Text, in_tasks, numbers_of, ranges_of
from laketrain.lake import Store

_BLOCK = 32
"""Bytes; any 63 digits in a row fill an aligned block, and a double has room for 308."""
_EXPONENT = re.compile(rb"[\d.][eE]\+?\d{3}")
_SPECIAL = re.compile(rb"(?i)(?<![a-z])(inf|nan)(?![a-z])")
_JAVAS = re.compile(rb"(?i)(?<![\w.])[+-]?(?:\d+[.]?\d*|[.]\d+)(?:e[+-]?\d+)?[df](?!\w)|0x[\da-f.]+p")
_OVERLAP = 160
"""Bytes of a block that are looked at with the next one, too: more than a long run of digits needs, or a number without
one."""
_ALL, _FULL = np.uint64(0x0101010101010101), np.uint32(0x01010101)


def trusted(spark: SparkSession, store: Store, files: Sequence[Text]) -> list[bool]:
    """Whether the doubles of each file are plain, in tasks of Spark."""
    ranges = [part for file in files for part in ranges_of(file)]
    tasks = in_tasks(ranges, spark.sparkContext.defaultParallelism)
    found = spark.range(0, len(tasks), 1, len(tasks)).mapInArrow(partial(_odd, store, tasks), "number bigint").collect()
    odd = {row["number"] for row in found}
    return [odd.isdisjoint(own) for own in numbers_of(files)]


def _odd(store: Store, tasks: Sequence[Sequence[tuple[int, Range]]], batches: Iterable[pa.RecordBatch]
         ) -> Iterator[pa.RecordBatch]:
    """The numbers of the tasks' ranges that have an odd one."""
    for batch in batches:
        for number, part in (one for task in batch.column(0).to_pylist() for one in tasks[task]):
            with store.open(part.path) as handle, named_damage(part.ref):
                fine = all(plain_doubles(block) for block in _blocks(handle, part))
            if not fine:
                yield pa.RecordBatch.from_pydict({"number": [number]})


def _blocks(handle: BinaryIO, part: Range) -> Iterator[bytes]:
    """The range's bytes, each block with the last ones of that before."""
    text = plain_text(handle, part.path) if part.whole else handle
    place = 0 if part.whole else max(0, part.start - _OVERLAP)
    if place:
        text.seek(place)
    rest = b""
    while (part.whole or place < part.stop) and (chunk := text.read(BLOCK)):
        place += len(chunk)
        yield rest + chunk
        rest = chunk[-_OVERLAP:]


def plain_doubles(data: bytes) -> bool:
    """Whether no number in `data` may be read as infinite, or be written as only a cast reads it."""
    array = np.frombuffer(data, np.uint8)
    digits = (array - np.uint8(ord("0"))) < np.uint8(10)
    lower = array | np.uint8(32)  # of digits, a point and a plus nothing else either
    suspects = ((_EXPONENT, _exponents(lower, digits)), (_SPECIAL, _specials(lower)))
    return not _many(digits) and not _has_javas(data, lower, digits) and not any(
        pattern.match(data, place) for pattern, places in suspects for place in places.tolist())


def _has_javas(data: bytes, lower: npt.NDArray[np.uint8], digits: npt.NDArray[np.bool_]) -> bool:
    """Whether there is a number with a d or an f behind it, or one like 0x1p3."""
    numeric = digits | (lower == ord("."))
    after = np.append(lower[1:] - np.uint8(ord("a")) < np.uint8(26), False)
    letters = ((lower == ord("d")) | (lower == ord("f"))) & ~after | (lower == ord("x"))
    places = np.flatnonzero(letters[1:] & numeric[:-1]) + 1
    return any(_JAVAS.search(data, max(0, place - _OVERLAP), place + _OVERLAP) for place in places.tolist())


def _many(digits: npt.NDArray[np.bool_]) -> bool:
    whole = len(digits) // _BLOCK * _BLOCK
    full = digits[:whole].view(np.uint64) == _ALL
    return bool((full.view(np.uint32) == _FULL).any())


def _exponents(lower: npt.NDArray[np.uint8], digits: npt.NDArray[np.bool_]) -> npt.NDArray[np.int64]:
    """The places of a digit or a point before an e that a digit or a plus follows."""
    places = np.flatnonzero(lower[1:-1] == ord("e"))
    places = places[digits[places] | (lower[places] == ord("."))]
    return places[digits[places + 2] | (lower[places + 2] == ord("+"))]


def _specials(lower: npt.NDArray[np.uint8]) -> npt.NDArray[np.int64]:
    """The places where inf or nan begins."""
    infinities = np.flatnonzero(lower[2:] == ord("f"))
    infinities = infinities[(lower[infinities + 1] == ord("n")) & (lower[infinities] == ord("i"))]
    nans = np.flatnonzero(lower[1:-1] == ord("a"))
    nans = nans[(lower[nans] == ord("n")) & (lower[nans + 2] == ord("n"))]
    return np.concatenate([infinities, nans])
