"""Parts of CSV files that contain whole records, and their records as Spark's rows, read in Spark tasks.

    frame = texts(spark, store, slices, options)      # text, problem, file: one row per record, in the files' order

A file is read in blocks, decompressed and converted to UTF-8. A record that can't be decoded is rejected.
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

from laketrain.clean.reading.csv.records import BLANK, Cut, Grammar
from laketrain.clean.reading.encoding import is_valid_utf8, name_damaged_file, open_text
from laketrain.clean.reading.file_tasks import split_by_size
from laketrain.config.sources.dialect import Dialect
from laketrain.lake import Store

BLOCK = 4 << 20
"""Bytes of a file that are read at a time, and become an Arrow batch."""
_INVALID_BYTES = "laketrain-invalid-bytes"
_BARE_QUOTE = "ends in a quote that opens nothing, which Spark misreads if the separator has several characters"
_ROWS = pa.schema([("text", pa.string()), ("problem", pa.string()), ("file", pa.string())])


@dataclass(frozen=True)
class Slice:
    """The bytes [start, stop) of a file in the lake. stop: None for the file's end.

    Attributes:
        name: the file's path in its rows. ref: its name in messages. size: the approximate number of bytes. header:
            whether the first record is the file's header.
    """

    path: str
    name: str
    ref: str
    start: int
    stop: int | None
    size: int
    header: bool


@dataclass(frozen=True)
class SliceOptions:
    """How to read slices. width: the number of columns. A blank line is a record only if there is one column."""

    dialect: Dialect
    width: int


def texts(spark: SparkSession, store: Store, slices: Sequence[Slice], options: SliceOptions) -> DataFrame:
    """A row for each record: its text as valid UTF-8, why it is rejected or null, and its file."""
    groups = split_by_size([piece.size for piece in slices])
    task = partial(_rows, store, slices, groups, options)
    return spark.range(0, len(groups), 1, len(groups)).mapInArrow(task, "text string, problem string, file string")


def is_utf8(encoding: str) -> bool:
    """Whether the encoding is UTF-8."""
    return codecs.lookup(encoding).name in ("utf-8", "utf-8-sig")


def utf8(chunks: Iterable[bytes], encoding: str) -> Iterator[bytes]:
    """The text of `chunks` in UTF-8, without a byte order mark. Bytes that can't be decoded become invalid UTF-8."""
    first = True
    for chunk in chunks if is_utf8(encoding) else _recoded(chunks, encoding):
        yield chunk.removeprefix(codecs.BOM_UTF8) if first else chunk
        first = first and not chunk


def cuts(chunks: Iterable[bytes], grammar: Grammar) -> Iterator[Cut]:
    """The records of a text that starts with a record, block by block."""
    rest, enough = b"", 0
    for chunk in chunks:
        rest += chunk
        if len(rest) < enough:
            continue
        cut = grammar.cut(rest, final=False)
        if cut.used:
            yield cut
        rest = rest[cut.used:]
        # If a record is longer than a block, the next attempt is with twice as much text.
        enough = 0 if cut.used else 2 * len(rest)
    if rest:
        yield grammar.cut(rest, final=True)


def _recoded(chunks: Iterable[bytes], encoding: str) -> Iterator[bytes]:
    # A lone surrogate can't be decoded from any text, and is invalid in UTF-8.
    codecs.register_error(_INVALID_BYTES, lambda error: ("\udcff", error.end))  # type: ignore[attr-defined]
    decoder = codecs.getincrementaldecoder(encoding)(_INVALID_BYTES)
    for chunk in chunks:
        yield decoder.decode(chunk).encode("utf-8", "surrogatepass")
    yield decoder.decode(b"", final=True).encode("utf-8", "surrogatepass")


def _rows(store: Store, slices: Sequence[Slice], groups: Sequence[tuple[int, int]], options: SliceOptions,
          batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """The records of the groups of slices whose numbers are in `batches`."""
    for batch in batches:
        for number in batch.column(0).to_pylist():
            for piece in slices[slice(*groups[number])]:
                with store.open(piece.path) as handle, name_damaged_file(piece.ref):
                    yield from _batches(handle, piece, options)


def _batches(handle: BinaryIO, piece: Slice, options: SliceOptions) -> Iterator[pa.RecordBatch]:
    grammar, header = Grammar.of(options.dialect), piece.header
    for cut in cuts(utf8(_chunks(handle, piece), options.dialect.encoding), grammar):
        kept = ~blank(cut, grammar, one_column=options.width == 1)
        if header:
            first = int(np.argmax(~blank(cut, grammar, one_column=False)))
            header = bool(blank(cut, grammar, one_column=False).all())
            kept[:first + 1] = False
        if kept.any():
            yield _batch(cut.only(kept), piece, options.dialect.encoding, grammar)


def blank(cut: Cut, grammar: Grammar, one_column: bool) -> NDArray[np.bool_]:
    """Which records are blank lines: only white space, no separator. With one column, these are values."""
    result = np.zeros(len(cut), bool)
    if cut.blanks and not one_column:
        for number, text in enumerate(cut.texts()):
            result[number] = not text.strip(BLANK) and grammar.separator not in text
    return result


def _batch(cut: Cut, piece: Slice, encoding: str, grammar: Grammar) -> pa.RecordBatch:
    """The records as rows. Invalid UTF-8 is replaced with U+FFFD."""
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
        problems |= dict.fromkeys((number for number, record in enumerate(cut.texts())
                                   if number not in problems and grammar.ends_in_a_bare_quote(record)), _BARE_QUOTE)
    if not is_text(cut.data[:cut.used]):
        records = cut.texts()
        problems |= {number: problem for number, record in enumerate(records)
                     if (problem := _damage(record, encoding))}
        text = pa.array([record.decode("utf-8", "replace") for record in records], pa.string())
    reasons = pa.array([problems.get(number) for number in range(len(cut))], pa.string()) if problems else (
        pa.nulls(len(cut), pa.string()))
    return pa.RecordBatch.from_arrays([text, reasons, pa.repeat(pa.scalar(piece.name), len(cut))], schema=_ROWS)


def is_text(data: bytes) -> bool:
    """Whether `data` is UTF-8 without zero bytes."""
    return b"\0" not in data and is_valid_utf8(data)


def _damage(record: bytes, encoding: str) -> str | None:
    """Why a record's bytes are rejected."""
    if is_text(record):
        return None
    return "holds a zero byte" if is_text(record.replace(b"\0", b"")) else f"holds bytes that aren't {encoding}"


def _chunks(handle: BinaryIO, piece: Slice) -> Iterator[bytes]:
    text = open_text(handle, piece.path)
    if piece.start:
        text.seek(piece.start)
    left = piece.stop - piece.start if piece.stop is not None else None
    while chunk := text.read(BLOCK if left is None else min(BLOCK, left)):
        yield chunk
        left = None if left is None else left - len(chunk)
