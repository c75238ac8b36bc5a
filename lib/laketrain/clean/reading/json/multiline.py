"""Reads JSON files with `multiLine: true`: the text of each of their values. One task reads a file.

Spark's own reader parses the first value of such a file and ignores the rest.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession

from laketrain.clean.reading.base import CORRUPT, REJECT
from laketrain.clean.reading.encoding import STRAYS, register_stray_bytes, whole
from laketrain.clean.reading.file_tasks import BATCH, map_files
from laketrain.clean.reading.json.split_values import Piece, ValueSplitter
from laketrain.clean.reading.raw_files import RawFile
from laketrain.errors import DataError
from laketrain.lake import Store

TEXT, FILE_NAME, PROBLEM = CORRUPT, "_place", REJECT  # names that no column of a source can have
_ROWS = pa.schema([(TEXT, pa.string()), (FILE_NAME, pa.string()), (PROBLEM, pa.string())])
_STRAY = re.compile("[\udc00-\udcff]")


@dataclass(frozen=True)
class _File:
    """A file for the executors.

    Attributes:
        path: in the lake. ref: its name in messages. name: its name in rows.
    """

    path: str
    ref: str
    name: str


def read_values(spark: SparkSession, files: Sequence[RawFile], options: Mapping[str, Any], encoding: str) -> DataFrame:
    """A row for each value: its TEXT, the FILE_NAME that it is from, and its PROBLEM, null if it may be parsed."""
    shipped = [_File(file.path, file.ref, file.file.path) for file in files]
    work = partial(_rows, files[0].version.lake.store, shipped, _syntax(options), encoding)
    return map_files(spark, files, work, f"{TEXT} string, {FILE_NAME} string, {PROBLEM} string")


def _syntax(options: Mapping[str, Any]) -> Mapping[str, bool]:
    flags = {name.lower(): str(value).lower() == "true" for name, value in options.items()}
    return {"single_quotes": flags.get("allowsinglequotes", True), "comments": flags.get("allowcomments", False),
            "line_breaks": flags.get("allowunquotedcontrolchars", False)}


def _rows(store: Store, files: Sequence[_File], syntax: Mapping[str, bool], encoding: str, number: int
          ) -> Iterator[pa.RecordBatch]:
    """The rows of the file with this number."""
    return _batches(files[number], ValueSplitter(**syntax).split(_text(store, files[number], encoding)), encoding)


def _text(store: Store, file: _File, encoding: str) -> str:
    """A file's text; an invalid byte becomes half of a surrogate pair, which no valid text contains."""
    register_stray_bytes()
    try:
        with store.open(file.path) as handle:
            return whole(file.path, handle).decode(encoding, STRAYS).removeprefix("\ufeff")
    except (EOFError, OSError, ValueError) as error:
        raise DataError("clean", file.ref, f"can't be read to its end: {error}",
                        "land a whole file, then ingest again") from error


def _batches(file: _File, pieces: Iterable[Piece], encoding: str) -> Iterator[pa.RecordBatch]:
    """The file's pieces as batches of rows."""
    rows: list[tuple[str, str, str | None]] = []
    size = 0
    for piece in pieces:
        rows.append(_row(file, piece, encoding))
        size += len(piece.text)
        if size >= BATCH:
            yield _batch(rows)
            rows, size = [], 0
    if rows:
        yield _batch(rows)


def _row(file: _File, piece: Piece, encoding: str) -> tuple[str, str, str | None]:
    stray = _STRAY.search(piece.text)
    if stray is None:
        return piece.text, file.name, piece.problem
    problem = f"holds the byte 0x{ord(stray[0]) - 0xDC00:02X}, which isn't {encoding.upper()}"
    return _STRAY.sub("\ufffd", piece.text), file.name, problem


def _batch(rows: Sequence[tuple[str, str, str | None]]) -> pa.RecordBatch:
    return pa.RecordBatch.from_arrays([pa.array(column, pa.string()) for column in zip(*rows, strict=True)],
                                      schema=_ROWS)
