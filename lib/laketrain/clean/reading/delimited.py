"""CSV and its dialects. Headers are read here, file by file, so that columns are found by name in whatever order."""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Mapping, Sequence
from functools import partial, reduce
from typing import Any

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql import types as T

from laketrain.clean.reading.base import ALL_FILES, CORRUPT, Reading, mangled, marked, shape_of
from laketrain.clean.reading.drift import Judge
from laketrain.clean.reading.encoding import check_encoding, head_of
from laketrain.clean.reading.landed import RawFile, each
from laketrain.clean.reading.partitions import place_of
from laketrain.config.sources import Source
from laketrain.errors import DataError
from laketrain.spark.frames import quoted

Header = tuple[str, ...]


def read(spark: SparkSession, files: Sequence[RawFile], source: Source, expected: T.StructType | None) -> Reading:
    """The rows of CSV files. A line of another width, or with a value of another type, is there as rejected."""
    dialect = _Dialect(source.options)
    headers = each(files, partial(_header, dialect))
    pinned = _inferred(spark, files, headers, source) if expected is None else expected
    if not dialect.header:
        return Reading(_part(spark, files, tuple(pinned.names), pinned, source, dialect), pinned)
    judge = Judge(pinned, source.drift)
    alike: dict[Header, list[RawFile]] = {}
    for file, header in zip(files, headers, strict=True):
        # A file without a line has no rows, and so no wrong ones.
        named = tuple(pinned.names) if header is None else _by_capitals(header, pinned)
        if header is not None:
            _refuse_twice(file, named)
            judge.see(file.ref, {name: _kind(pinned, name) for name in named if name})
        alike.setdefault(named, []).append(file)
    parts = [_part(spark, group, named, judge.columns, source, dialect) for named, group in alike.items()]
    return Reading(reduce(DataFrame.unionByName, parts), pinned, drift=judge.told)


class _Dialect:
    """The options by which a header is read, in Spark's names and with its defaults."""

    def __init__(self, options: Mapping[str, Any]) -> None:
        given = {name.lower(): value for name, value in options.items()}
        self.header = str(given.get("header", False)).lower() == "true"
        self.encoding = str(given.get("encoding", given.get("charset", "utf-8")))
        self.separator = str(given.get("sep", given.get("delimiter", ",")))
        self.quote = str(given.get("quote", '"'))
        self.escape = str(given.get("escape", "\\"))
        self.comment = str(given.get("comment", ""))

    def cells(self, text: str) -> Header | None:
        """The first record of `text`; None where it has none."""
        lines = [line for line in io.StringIO(text, newline="")
                 if line.strip() and not (self.comment and line.startswith(self.comment))]
        if not lines:
            return None
        if len(self.separator) > 1 or not self.quote:
            return tuple(cell.strip(self.quote or None) for cell in lines[0].rstrip("\r\n").split(self.separator))
        doubled = self.escape == self.quote
        reader = csv.reader(lines, delimiter=self.separator, quotechar=self.quote, doublequote=doubled,
                            escapechar=None if doubled else self.escape or None)
        return tuple(next(reader))


def _header(dialect: _Dialect, file: RawFile) -> Header | None:
    """The file's header, where the dialect has one. Raises DataError where the file is in another encoding."""
    head = head_of(file)
    check_encoding(file.ref, head, dialect.encoding)
    if not dialect.header:
        return None
    utf8 = codecs.lookup(dialect.encoding).name == "utf-8"
    return dialect.cells(head.decode("utf-8-sig" if utf8 else dialect.encoding, "replace"))


def _inferred(spark: SparkSession, files: Sequence[RawFile], headers: Sequence[Header | None], source: Source
              ) -> T.StructType:
    """The columns of the first file that has any, in types that fit all files with the same header."""
    first = next((header for header in headers if header is not None), None)
    urls = [file.url for file, header in zip(files, headers, strict=True) if header == first]
    options = {**source.options, "inferSchema": "true", "mode": "PERMISSIVE", **ALL_FILES}
    found = spark.read.options(**options).csv(urls).schema
    if not found.fields:
        raise DataError("clean", files[0].ref, "has no columns to infer", "declare the schema")
    return found


def _by_capitals(header: Header, pinned: T.StructType) -> Header:
    """The header with expected columns named as they are expected: Spark minds no capitals."""
    known = {name.lower(): name for name in pinned.names}
    return tuple(known.get(name.lower(), name) for name in header)


def _refuse_twice(file: RawFile, header: Header) -> None:
    twice = sorted({name for name in header if name and header.count(name) > 1})
    if twice:
        raise DataError("clean", file.ref, f"has the column {twice[0]!r} twice", "give each column a name of its own")


def _kind(pinned: T.StructType, name: str) -> T.DataType:
    return pinned[name].dataType if name in pinned.names else T.StringType()


def _part(spark: SparkSession, files: Sequence[RawFile], header: Header, columns: T.StructType, source: Source,
          dialect: _Dialect) -> DataFrame:
    """The rows of files with one header. Spark reads by place, under names of ours: the file's may be none or odd."""
    places = [f"_{place}" for place in range(len(header))]
    fields = [T.StructField(place, _kind(columns, name)) for place, name in zip(places, header, strict=True)]
    options = {**source.options, "mode": "PERMISSIVE", "columnNameOfCorruptRecord": CORRUPT, "enforceSchema": "true",
               **ALL_FILES}
    schema = T.StructType([*fields, T.StructField(CORRUPT, T.StringType())])
    rows = spark.read.schema(schema).options(**options).csv([file.url for file in files])
    at = dict(zip(header, places, strict=True))
    rows = rows.select(*(_value(at, field).alias(field.name) for field in columns), CORRUPT,
                       place_of(files).alias("_place"))
    width = T.StructType([T.StructField(name, field.dataType) for name, field in zip(header, fields, strict=True)])
    foreign = mangled(rows, columns.names) | F.coalesce(F.col(CORRUPT).contains("\ufffd"), F.lit(False))
    problem = F.when(foreign, F.lit(f"holds bytes that are no {dialect.encoding}")).when(
        F.col(CORRUPT).isNotNull(), F.lit(f"is no {shape_of('csv', width)}"))
    return marked(rows, columns.names, file=F.col("_place"), came=F.col(CORRUPT), problem=problem)


def _value(at: Mapping[str, str], field: T.StructField) -> Column:
    return (F.col(quoted(at[field.name])) if field.name in at else F.lit(None)).cast(field.dataType)
