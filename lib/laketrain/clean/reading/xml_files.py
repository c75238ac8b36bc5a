"""XML: a record is an element named as `rowTag` says that isn't within another of that name.

Spark's own reader looks for the tags in the bytes, so that it loses what isn't closed, knows no encodings, and infers
types where XML has none. So the records are cut here, a file by one task, and their values are texts that are read as
their declared types. Files are looked through once before, which tells their columns and how many records there are.
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
from pyspark.sql.pandas.types import to_arrow_type

from laketrain.clean.reading.base import Reading, with_metadata
from laketrain.clean.reading.drift import DriftTracker
from laketrain.clean.reading.encoding import name_damaged_file, open_text, read_head
from laketrain.clean.reading.file_tasks import BATCH, inspect_files, map_files
from laketrain.clean.reading.raw_files import RawFile, each
from laketrain.clean.reading.typed_texts import text_kind, typed, unlike
from laketrain.clean.reading.xml_cut import Cutter, Piece, Refused
from laketrain.clean.reading.xml_fit import Fit, Misfit
from laketrain.clean.reading.xml_form import Form
from laketrain.clean.reading.xml_shape import Shape
from laketrain.clean.reading.xml_text import chunks, encoding_of, legible
from laketrain.config.names import alike
from laketrain.config.sources import Source
from laketrain.errors import DataError
from laketrain.lake import Store

# No attribute becomes such a name.
_PLACE, _TEXT, _PROBLEM = "_laketrain_place", "_laketrain_text", "_laketrain_problem"
_AGAIN = "land a whole file, then ingest again"
_MOST_NAMES = 20


@dataclass(frozen=True)
class _File:
    """A file to be shipped: where it lies in the lake, how messages and rows name it, and its encoding."""

    path: str
    ref: str
    place: str
    encoding: str


@dataclass(frozen=True)
class _Look:
    """What was found in a file. rows: records and what is none. others: elements beside the root and the records."""

    rows: int
    records: int
    shape: Shape
    others: Sequence[str]
    refused: Sequence[str]


def read(spark: SparkSession, files: Sequence[RawFile], source: Source, expected: T.StructType | None) -> Reading:
    """The rows of XML files. What isn't well-formed, or no record of the columns' types, is there as rejected."""
    form = Form.of(source.options)
    shipped = each(files, partial(_shipped, form))
    looks = _looks(spark, files, shipped, form)
    shape = Shape()
    for file, found in zip(files, looks, strict=True):
        _refuse(file, found, form)
        shape.merge(found.shape)
    there = shape.columns(form)
    pinned = _inferred(files[0], shape, there) if expected is None else expected
    drift = DriftTracker(pinned, source.drift)
    if any(found.records for found in looks):
        known = {field.name: field.dataType for field in pinned}
        drift.add_file(files[0].ref if len(files) == 1 else files[-1].version.ref,
                  {field.name: known.get(field.name, field.dataType) for field in there})
    rows = _typed(_records(spark, files, shipped, drift.columns, form), drift.columns, source)
    return Reading(rows, pinned, rows=sum(found.rows for found in looks), drift=drift.counts)


# ---- What files are like


def _shipped(form: Form, file: RawFile) -> _File:
    encoding = encoding_of(file.ref, read_head(file), form.encoding)
    return _File(file.path, file.ref, file.file.path, encoding)


def _looks(spark: SparkSession, files: Sequence[RawFile], shipped: Sequence[_File], form: Form) -> list[_Look]:
    told = map(json.loads, inspect_files(spark, files, partial(_look, files[0].version.lake.store, shipped, form)))
    return [_Look(**{**look, "shape": Shape.of(look["shape"])}) for look in told]


def _look(store: Store, files: Sequence[_File], form: Form, number: int) -> str:
    """A file's _Look as JSON."""
    cutter, shape, rows, records, refused = Cutter(form), Shape(), 0, 0, []
    problem = None
    try:
        for piece in _pieces(store, files[number], cutter):
            rows += 1
            if piece.element:
                records += 1
                shape.learn(piece.element, form)
            problem = problem or piece.problem
    except Refused as error:
        refused = [error.why, error.remedy]
    if cutter.empty and not refused:
        refused = [problem or "is no XML: it has no element", _AGAIN]
    return json.dumps({"rows": rows, "records": records, "shape": shape.told(), "others": list(cutter.others),
                       "refused": refused})


def _pieces(store: Store, file: _File, cutter: Cutter) -> Iterator[Piece]:
    with store.open(file.path) as handle, name_damaged_file(file.ref):
        yield from cutter.pieces(chunks(open_text(handle, file.path), file.encoding))


def _refuse(file: RawFile, found: _Look, form: Form) -> None:
    """Raises DataError where the file can't be taken, or `rowTag` names none of its elements."""
    if found.refused:
        raise DataError("clean", file.ref, *found.refused)
    if found.rows or not found.others:
        return
    close = difflib.get_close_matches(form.tag, found.others, n=1, cutoff=0.5)
    names = ", ".join(f"<{name}>" for name in islice(found.others, _MOST_NAMES))
    guess = f"Did you mean {close[0]!r}? " if close else ""
    raise DataError("clean", file.ref, f"has no element <{form.tag}>, but {names}",
                    f"{guess}Name the element that is a record by the source's options.rowTag, or land the file apart")


def _inferred(file: RawFile, shape: Shape, there: T.StructType) -> T.StructType:
    """The columns of all files. Raises DataError where there are none, or two within one can't be told apart."""
    if not there.fields:
        raise DataError("clean", file.ref, "has no element to infer columns from", "declare the schema")
    twins = next((found for names in islice(shape.names(), 1, None) if (found := alike(names))), None)
    if twins:
        raise DataError("clean", file.ref, f"has elements in which {twins[0]!r} and {twins[1]!r} can't be told apart",
                        "declare the columns that are wanted, instead of schema: infer")
    return there


# ---- Rows


def _records(spark: SparkSession, files: Sequence[RawFile], shipped: Sequence[_File], columns: T.StructType,
             form: Form) -> DataFrame:
    """The columns as texts, under names of ours, and what is told of each row."""
    kinds = [T.StructField(f"c{number}", text_kind(field.dataType)) for number, field in enumerate(columns)]
    told = [T.StructField(name, T.StringType()) for name in (_PLACE, _TEXT, _PROBLEM)]
    work = partial(_row_batches, files[0].version.lake.store, shipped, columns, form)
    return map_files(spark, files, work, T.StructType([*kinds, *told]))


def _row_batches(store: Store, files: Sequence[_File], columns: T.StructType, form: Form, number: int
                 ) -> Iterator[pa.RecordBatch]:
    """A file's rows, few enough at once for a batch."""
    file, rows, size = files[number], list[list[Any]](), 0
    kinds = [to_arrow_type(text_kind(field.dataType)) for field in columns] + [pa.string()] * 3
    for piece in _pieces(store, file, Cutter(form)):
        rows.append(_row(file, piece, columns, form))
        size += len(piece.raw)
        if size >= BATCH:
            yield _batch(rows, kinds)
            rows, size = [], 0
    if rows:
        yield _batch(rows, kinds)


def _row(file: _File, piece: Piece, columns: T.StructType, form: Form) -> list[Any]:
    text, stray = legible(piece.raw, file.encoding)
    problem = stray or piece.problem
    if problem is None:
        try:
            return [*Fit(form, piece).record(columns).values(), file.place, None, None]
        except Misfit as error:
            problem = str(error)
    return [*[None] * len(columns), file.place, text, problem]


def _batch(rows: Sequence[Sequence[Any]], kinds: Sequence[pa.DataType]) -> pa.RecordBatch:
    arrays = [pa.array(values, kind) for values, kind in zip(zip(*rows, strict=True), kinds, strict=True)]
    names = [*(f"c{number}" for number in range(len(kinds) - 3)), _PLACE, _TEXT, _PROBLEM]
    return pa.RecordBatch.from_arrays(arrays, names=names)


def _typed(texts: DataFrame, columns: T.StructType, source: Source) -> DataFrame:
    """The columns as values of their types; a row with one that isn't what its text says is there as rejected."""
    values = [typed(F.col(f"c{number}"), field.dataType, source.options).alias(field.name)
              for number, field in enumerate(columns)]
    problem = F.coalesce(F.col(_PROBLEM), *(why for number, field in enumerate(columns)
                                          for why in _problems(F.col(f"c{number}"), field, source)))
    own = F.to_json(F.struct(*(F.col(f"c{number}").alias(field.name) for number, field in enumerate(columns))))
    came = F.coalesce(F.col(_TEXT), F.when(problem.isNotNull(), own))
    rows = texts.select(*values, F.col(_PLACE), came.alias(_TEXT), problem.alias(_PROBLEM))
    return with_metadata(rows, columns.names, file=F.col(_PLACE), original=F.col(_TEXT), problem=F.col(_PROBLEM))


def _problems(texts: Column, field: T.StructField, source: Source) -> list[Column]:
    why = unlike(texts, typed(texts, field.dataType, source.options), field.dataType, source.options)
    return [] if why is None else [F.concat(F.lit("has "), why, F.lit(f" in {field.name!r}"))]
