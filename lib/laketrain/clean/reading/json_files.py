"""JSON files with `multiLine: true`: the text of each of their values, a file read by one task.

Spark's own reader takes the first value of such a file and is silent about the rest.
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
from laketrain.clean.reading.json_scan import Piece, Scan
from laketrain.clean.reading.raw_files import RawFile
from laketrain.errors import DataError
from laketrain.lake import Store

TEXT, PLACE, PROBLEM = CORRUPT, "_place", REJECT  # names that no column of a source can have
_ROWS = pa.schema([(TEXT, pa.string()), (PLACE, pa.string()), (PROBLEM, pa.string())])
_STRAY = re.compile("[\udc00-\udcff]")


@dataclass(frozen=True)
class _File:
    """A file to be shipped: where it lies in the lake, how messages and rows name it."""

    path: str
    ref: str
    place: str


def values(spark: SparkSession, files: Sequence[RawFile], options: Mapping[str, Any], encoding: str) -> DataFrame:
    """A row for each value: its TEXT, the PLACE that it is from, and its PROBLEM, null where it may be parsed."""
    shipped = [_File(file.path, file.ref, file.file.path) for file in files]
    work = partial(_rows, files[0].version.lake.store, shipped, _scan(options), encoding)
    return map_files(spark, files, work, f"{TEXT} string, {PLACE} string, {PROBLEM} string")


def _scan(options: Mapping[str, Any]) -> Mapping[str, bool]:
    given = {name.lower(): str(value).lower() == "true" for name, value in options.items()}
    return {"single": given.get("allowsinglequotes", True), "comments": given.get("allowcomments", False),
            "breaks": given.get("allowunquotedcontrolchars", False)}


def _rows(store: Store, files: Sequence[_File], scan: Mapping[str, bool], encoding: str, number: int
          ) -> Iterator[pa.RecordBatch]:
    """The rows of the file of that number."""
    return _batches(files[number], Scan(**scan).pieces(_text(store, files[number], encoding)), encoding)


def _text(store: Store, file: _File, encoding: str) -> str:
    """A file's text, in which a stray byte is half of a surrogate pair, so that it can't be taken for a character."""
    register_stray_bytes()
    try:
        with store.open(file.path) as handle:
            return whole(file.path, handle).decode(encoding, STRAYS).removeprefix("\ufeff")
    except (EOFError, OSError, ValueError) as error:
        raise DataError("clean", file.ref, f"can't be read to its end: {error}",
                        "land a whole file, then ingest again") from error


def _batches(file: _File, pieces: Iterable[Piece], encoding: str) -> Iterator[pa.RecordBatch]:
    """The file's pieces as rows, few enough at once for a batch."""
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
        return piece.text, file.place, piece.problem
    problem = f"holds the byte 0x{ord(stray[0]) - 0xDC00:02X}, which is no {encoding.upper()}"
    return _STRAY.sub("\ufffd", piece.text), file.place, problem


def _batch(rows: Sequence[tuple[str, str, str | None]]) -> pa.RecordBatch:
    return pa.RecordBatch.from_arrays([pa.array(values, pa.string()) for values in zip(*rows, strict=True)],
                                      schema=_ROWS)
