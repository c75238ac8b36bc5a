"""Reads XML: a record is an element with the name `rowTag` that isn't within another of that name.

Spark's own reader searches the bytes for tags: it loses records that aren't closed, ignores encodings, and infers types
although XML has none. So the records are split here, each file by one task, and their values are strings that are
converted to the declared types. A scan of the files before finds the columns and the number of records.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Any

import pyarrow as pa
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql import types as T

from laketrain.clean.reading.base import Reading, with_metadata
from laketrain.clean.reading.drift import DriftTracker
from laketrain.clean.reading.encoding import name_damaged_file, open_text, read_head
from laketrain.clean.reading.file_tasks import BATCH, inspect_files, map_files
from laketrain.clean.reading.raw_files import RawFile, each
from laketrain.clean.reading.typed_texts import text_kind, typed, unlike
from laketrain.clean.reading.xml.convert_record import RecordConverter, TypeMismatch
from laketrain.clean.reading.xml.decode import decode_chunks, decode_record, detect_encoding
from laketrain.clean.reading.xml.infer_schema import ElementSchema
from laketrain.clean.reading.xml.options import XmlOptions
from laketrain.clean.reading.xml.split_records import FileRefused, Piece, RecordSplitter
from laketrain.config.column_names import find_clash
from laketrain.config.sources import FileSource
from laketrain.errors import DataError
from laketrain.lake import Store
from laketrain.spark.arrow_types import arrow_type

# Names that no attribute can have.
_FILE_NAME, _TEXT, _PROBLEM = "_laketrain_place", "_laketrain_text", "_laketrain_problem"
_INGEST_AGAIN = "land a whole file, then ingest again"
_MAX_NAMES = 20


@dataclass(frozen=True)
class _File:
    """A file for the executors.

    Attributes:
        path: in the lake. ref: its name in messages. name: its name in rows.
    """

    path: str
    ref: str
    name: str
    encoding: str


@dataclass(frozen=True)
class _FileScan:
    """The result of the scan of a file.

    Attributes:
        rows: the number of pieces, records or not. other_elements: the names of elements that are neither the root nor
            in a record. refused: the problem and the hint, if the file can't be read; else empty.
    """

    rows: int
    records: int
    schema: ElementSchema
    other_elements: Sequence[str]
    refused: Sequence[str]


def read(spark: SparkSession, files: Sequence[RawFile], source: FileSource, expected: T.StructType | None) -> Reading:
    """The rows of XML files. Text that isn't well-formed and records that don't fit the columns' types are rejected."""
    options = XmlOptions.of(source.options)
    shipped = each(files, partial(_shipped, options))
    scans = _scan(spark, files, shipped, options)
    schema = ElementSchema()
    for file, scan in zip(files, scans, strict=True):
        _check(file, scan, options)
        schema.merge(scan.schema)
    actual = schema.to_struct(options)
    pinned = _inferred(files[0], schema, actual) if expected is None else expected
    drift = DriftTracker(pinned, source.drift)
    if any(scan.records for scan in scans):
        types = {field.name: field.dataType for field in pinned}
        drift.add_file(files[0].ref if len(files) == 1 else files[-1].version.ref,
                       {field.name: types.get(field.name, field.dataType) for field in actual})
    rows = _typed(_records(spark, files, shipped, drift.columns, options), drift.columns, source)
    return Reading(rows, pinned, rows=sum(scan.rows for scan in scans), drift=drift.counts)


# ---- Scan


def _shipped(options: XmlOptions, file: RawFile) -> _File:
    encoding = detect_encoding(file.ref, read_head(file), options.encoding)
    return _File(file.path, file.ref, file.file.path, encoding)


def _scan(spark: SparkSession, files: Sequence[RawFile], shipped: Sequence[_File], options: XmlOptions
          ) -> list[_FileScan]:
    scan_file = partial(_scan_file, files[0].version.lake.store, shipped, options)
    scans = map(json.loads, inspect_files(spark, files, scan_file))
    return [_FileScan(**{**scan, "schema": ElementSchema.from_json(scan["schema"])}) for scan in scans]


def _scan_file(store: Store, files: Sequence[_File], options: XmlOptions, number: int) -> str:
    """A file's _FileScan as JSON."""
    splitter, schema, rows, records, refused = RecordSplitter(options), ElementSchema(), 0, 0, []
    problem = None
    try:
        for piece in _pieces(store, files[number], splitter):
            rows += 1
            if piece.element:
                records += 1
                schema.add(piece.element, options)
            problem = problem or piece.problem
    except FileRefused as error:
        refused = [error.reason, error.hint]
    if splitter.empty and not refused:
        refused = [problem or "isn't XML: it has no element", _INGEST_AGAIN]
    return json.dumps({"rows": rows, "records": records, "schema": schema.to_json(),
                       "other_elements": list(splitter.other_elements), "refused": refused})


def _pieces(store: Store, file: _File, splitter: RecordSplitter) -> Iterator[Piece]:
    with store.open(file.path) as handle, name_damaged_file(file.ref):
        yield from splitter.split(decode_chunks(open_text(handle, file.path), file.encoding))


def _check(file: RawFile, scan: _FileScan, options: XmlOptions) -> None:
    """Raises DataError if the file can't be read, or has no element `rowTag`."""
    if scan.refused:
        raise DataError("clean", file.ref, *scan.refused)
    if scan.rows or not scan.other_elements:
        return
    close = difflib.get_close_matches(options.row_tag, scan.other_elements, n=1, cutoff=0.5)
    names = ", ".join(f"<{name}>" for name in islice(scan.other_elements, _MAX_NAMES))
    guess = f"Did you mean {close[0]!r}? " if close else ""
    raise DataError("clean", file.ref, f"has no element <{options.row_tag}>, but {names}",
                    f"{guess}Set the source's options.rowTag to the element that is a record, or land the file as "
                    "another source")


def _inferred(file: RawFile, schema: ElementSchema, columns: T.StructType) -> T.StructType:
    """The columns of all files. Raises DataError if there are none, or if two fields can't be distinguished."""
    if not columns.fields:
        raise DataError("clean", file.ref, "has no element to infer columns from", "declare the schema")
    clash = next((pair for names in islice(schema.names(), 1, None) if (pair := find_clash(names))), None)
    if clash:
        problem = f"has elements with {clash[0]!r} and {clash[1]!r}, which can't be distinguished"
        raise DataError("clean", file.ref, problem,
                        "declare the columns that you need, instead of schema: infer")
    return columns


# ---- Rows


def _records(spark: SparkSession, files: Sequence[RawFile], shipped: Sequence[_File], columns: T.StructType,
             options: XmlOptions) -> DataFrame:
    """The columns as strings, under temporary names, with each row's file, text and problem."""
    kinds = [T.StructField(f"c{number}", text_kind(field.dataType)) for number, field in enumerate(columns)]
    metadata = [T.StructField(name, T.StringType()) for name in (_FILE_NAME, _TEXT, _PROBLEM)]
    work = partial(_row_batches, files[0].version.lake.store, shipped, columns, options)
    return map_files(spark, files, work, T.StructType([*kinds, *metadata]))


def _row_batches(store: Store, files: Sequence[_File], columns: T.StructType, options: XmlOptions, number: int
                 ) -> Iterator[pa.RecordBatch]:
    """A file's rows in batches."""
    file, rows, size = files[number], list[list[Any]](), 0
    kinds = [arrow_type(text_kind(field.dataType)) for field in columns] + [pa.string()] * 3
    for piece in _pieces(store, file, RecordSplitter(options)):
        rows.append(_row(file, piece, columns, options))
        size += len(piece.raw)
        if size >= BATCH:
            yield _batch(rows, kinds)
            rows, size = [], 0
    if rows:
        yield _batch(rows, kinds)


def _row(file: _File, piece: Piece, columns: T.StructType, options: XmlOptions) -> list[Any]:
    text, stray = decode_record(piece.raw, file.encoding)
    problem = stray or piece.problem
    if problem is None:
        try:
            return [*RecordConverter(options, piece).convert(columns).values(), file.name, None, None]
        except TypeMismatch as error:
            problem = str(error)
    return [*[None] * len(columns), file.name, text, problem]


def _batch(rows: Sequence[Sequence[Any]], kinds: Sequence[pa.DataType]) -> pa.RecordBatch:
    arrays = [pa.array(values, kind) for values, kind in zip(zip(*rows, strict=True), kinds, strict=True)]
    names = [*(f"c{number}" for number in range(len(kinds) - 3)), _FILE_NAME, _TEXT, _PROBLEM]
    return pa.RecordBatch.from_arrays(arrays, names=names)


def _typed(texts: DataFrame, columns: T.StructType, source: FileSource) -> DataFrame:
    """The columns as values of their types; a row with a text that isn't exactly of its type is rejected."""
    values = [typed(F.col(f"c{number}"), field.dataType, source.options).alias(field.name)
              for number, field in enumerate(columns)]
    problem = F.coalesce(F.col(_PROBLEM), *(reason for number, field in enumerate(columns)
                                            for reason in _problems(F.col(f"c{number}"), field, source)))
    as_json = F.to_json(F.struct(*(F.col(f"c{number}").alias(field.name) for number, field in enumerate(columns))))
    original = F.coalesce(F.col(_TEXT), F.when(problem.isNotNull(), as_json))
    rows = texts.select(*values, F.col(_FILE_NAME), original.alias(_TEXT), problem.alias(_PROBLEM))
    return with_metadata(rows, columns.names, file=F.col(_FILE_NAME), original=F.col(_TEXT), problem=F.col(_PROBLEM))


def _problems(texts: Column, field: T.StructField, source: FileSource) -> list[Column]:
    reason = unlike(texts, typed(texts, field.dataType, source.options), field.dataType, source.options)
    return [] if reason is None else [F.concat(F.lit("has "), reason, F.lit(f" in {field.name!r}"))]
