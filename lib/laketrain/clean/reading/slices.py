"""Parts of CSV files that begin and end with whole records, and their records as Spark's rows, made in its tasks.

    frame = texts(spark, store, slices, form)      # text, problem, place: a row a record, in the order of the files

A file is read in blocks, decompressed and turned into UTF-8. What can't be decoded makes its own record unreadable.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import BinaryIO

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyspark.sql import DataFrame, SparkSession

from laketrain.clean.reading.encoding import decodes, named_damage, plain_text
from laketrain.clean.reading.media import cut as in_parts
from laketrain.clean.reading.records import BLANK, Cut, Grammar
from laketrain.config.sources.dialect import Dialect
from laketrain.lake import Store

BLOCK = 4 << 20
"""Bytes of a file that are read, and become an Arrow batch, at a time."""
_STRAY = "laketrain-stray"
_BARE = "ends in a quote that opens nothing, which Spark misreads beside a separator of several characters"
_ROWS = pa.schema([("text", pa.string()), ("problem", pa.string()), ("place", pa.string())])


@dataclass(frozen=True)
class Slice:
    """Bytes of a file in the lake, from `start` to `stop`, or to its end where that is None.

    Attributes:
        place: the file's name for its rows. ref: its name in messages. size: about how many bytes there are. header:
            whether its first record is the file's header.
    """

    path: str
    place: str
    ref: str
    start: int
    stop: int | None
    size: int
    header: bool


@dataclass(frozen=True)
class Form:
    """How slices are read. `width`: their columns; a line of blanks is a record only where there is one."""

    dialect: Dialect
    width: int


def texts(spark: SparkSession, store: Store, slices: Sequence[Slice], form: Form) -> DataFrame:
    """A row for each record: its text as valid UTF-8, why it is none, null where it is one, and its file's place."""
    parts = in_parts([piece.size for piece in slices])
    task = partial(_rows, store, slices, parts, form)
    return spark.range(0, len(parts), 1, len(parts)).mapInArrow(task, "text string, problem string, place string")


def is_utf8(encoding: str) -> bool:
    """Whether that is a name of UTF-8."""
    return codecs.lookup(encoding).name in ("utf-8", "utf-8-sig")


def utf8(chunks: Iterable[bytes], encoding: str) -> Iterator[bytes]:
    """The text of `chunks` in UTF-8, without a byte order mark. What can't be decoded is no UTF-8 then either."""
    first = True
    for chunk in chunks if is_utf8(encoding) else _recoded(chunks, encoding):
        yield chunk.removeprefix(codecs.BOM_UTF8) if first else chunk
        first = first and not chunk


def cuts(chunks: Iterable[bytes], grammar: Grammar) -> Iterator[Cut]:
    """The records of a text that begins with one, block by block; each block begins where the one before ended."""
    rest, enough = b"", 0
    for chunk in chunks:
        rest += chunk
        if len(rest) < enough:
            continue
        cut = grammar.cut(rest, final=False)
        if cut.used:
            yield cut
        rest = rest[cut.used:]
        # A record that is longer than a block is looked at again when there is twice as much of it.
        enough = 0 if cut.used else 2 * len(rest)
    if rest:
        yield grammar.cut(rest, final=True)


def _recoded(chunks: Iterable[bytes], encoding: str) -> Iterator[bytes]:
    # A lone surrogate, which no text decodes to and UTF-8 doesn't have.
    codecs.register_error(_STRAY, lambda error: ("\udcff", error.end))  # type: ignore[attr-defined]
    decoder = codecs.getincrementaldecoder(encoding)(_STRAY)
    for chunk in chunks:
        yield decoder.decode(chunk).encode("utf-8", "surrogatepass")
    yield decoder.decode(b"", final=True).encode("utf-8", "surrogatepass")


def _rows(store: Store, slices: Sequence[Slice], parts: Sequence[tuple[int, int]], form: Form,
          batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """The records of the parts whose numbers come in."""
    for batch in batches:
        for number in batch.column(0).to_pylist():
            for piece in slices[slice(*parts[number])]:
                with store.open(piece.path) as handle, named_damage(piece.ref):
                    yield from _batches(handle, piece, form)


def _batches(handle: BinaryIO, piece: Slice, form: Form) -> Iterator[pa.RecordBatch]:
    grammar, header = Grammar.of(form.dialect), piece.header
    for cut in cuts(utf8(_chunks(handle, piece), form.dialect.encoding), grammar):
        kept = ~blank(cut, grammar, one_column=form.width == 1)
        if header:
            first = int(np.argmax(~blank(cut, grammar, one_column=False)))
            header = bool(blank(cut, grammar, one_column=False).all())
            kept[:first + 1] = False
        if kept.any():
            yield _batch(cut.only(kept), piece, form.dialect.encoding, grammar)


def blank(cut: Cut, grammar: Grammar, one_column: bool) -> NDArray[np.bool_]:
    """Which records are lines of blanks alone, with no separator among them. Of a single column they are values."""
    found = np.zeros(len(cut), bool)
    if cut.blanks and not one_column:
        for number, text in enumerate(cut.texts()):
            found[number] = not text.strip(BLANK) and grammar.separator not in text
    return found


def _batch(cut: Cut, piece: Slice, encoding: str, grammar: Grammar) -> pa.RecordBatch:
    """The records as rows. What is no UTF-8 is shown with U+FFFD in its place."""
    lengths = cut.ends - cut.starts
    offsets = np.zeros(len(cut) + 1, np.int32)
    np.cumsum(lengths, out=offsets[1:])
    steps = np.zeros(len(cut.data) + 1, np.int8)
    steps[cut.starts] += 1
    steps[cut.ends] -= 1
    inside = np.cumsum(steps[:-1], dtype=np.int8).view(bool)
    content = np.frombuffer(cut.data, np.uint8)[inside]
    text = pa.StringArray.from_buffers(len(cut), pa.py_buffer(offsets), pa.py_buffer(content))
    problems = dict(cut.problems)
    if len(grammar.separator) > 1 and grammar.quote:
        problems |= dict.fromkeys((number for number, one in enumerate(cut.texts())
                                   if number not in problems and grammar.ends_in_a_bare_quote(one)), _BARE)
    if not is_text(cut.data[:cut.used]):
        texts = cut.texts()
        problems |= {number: problem for number, one in enumerate(texts) if (problem := _damage(one, encoding))}
        text = pa.array([one.decode("utf-8", "replace") for one in texts], pa.string())
    told = pa.array([problems.get(number) for number in range(len(cut))], pa.string()) if problems else (
        pa.nulls(len(cut), pa.string()))
    return pa.RecordBatch.from_arrays([text, told, pa.repeat(pa.scalar(piece.place), len(cut))], schema=_ROWS)


def is_text(data: bytes) -> bool:
    """Whether it is UTF-8 without a zero byte."""
    return b"\0" not in data and decodes(data)


def _damage(record: bytes, encoding: str) -> str | None:
    """What is wrong with a record's bytes."""
    if is_text(record):
        return None
    return "holds a zero byte" if is_text(record.replace(b"\0", b"")) else f"holds bytes that are no {encoding}"


def _chunks(handle: BinaryIO, piece: Slice) -> Iterator[bytes]:
    text = plain_text(handle, piece.path)
    if piece.start:
        text.seek(piece.start)
    left = piece.stop - piece.start if piece.stop is not None else None
    while chunk := text.read(BLOCK if left is None else min(BLOCK, left)):
        yield chunk
        left = None if left is None else left - len(chunk)
