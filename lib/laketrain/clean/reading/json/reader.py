"""Reads JSON: a record per line or, with `multiLine: true`, records that span lines.

A column is missing only if no record has its key.

A line is one object and nothing more, or an array of objects. Spark's reader, the fastest, reads files in which each
line is one object in UTF-8; the lines of other files are parsed one by one.
"""

from __future__ import annotations

import codecs
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial, reduce
from typing import Any

from pyspark.errors import AnalysisException
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql import types as T

from laketrain.clean.reading.base import (
    ALL_FILES,
    CORRUPT,
    Reading,
    describe_record,
    invalid_utf8_message,
    with_metadata,
)
from laketrain.clean.reading.drift import DriftTracker
from laketrain.clean.reading.encoding import check_encoding, read_head
from laketrain.clean.reading.json.duplicate_keys import drop_duplicates, find_field_clash, has_duplicate_key
from laketrain.clean.reading.json.exact_numbers import has_type
from laketrain.clean.reading.json.line_scan import LineScan, scan_files
from laketrain.clean.reading.json.loss_reasons import element_loss_reasons
from laketrain.clean.reading.json.multiline import FILE_NAME, PROBLEM, TEXT, read_values
from laketrain.clean.reading.json.parse_value import (
    add_parsed_columns,
    exactness_problem,
    is_complete,
    parse_value,
    parser_options,
    record_problem,
    type_problem,
)
from laketrain.clean.reading.json.schema_merge import as_spark_infers, merge_schemas
from laketrain.clean.reading.partitions import file_path
from laketrain.clean.reading.ranges import Text
from laketrain.clean.reading.raw_files import RawFile, each
from laketrain.config.sources import FileSource
from laketrain.errors import DataError
from laketrain.spark.frames import quoted

_BLANKS = " \t\r\n"
_TIME_FORMATS = ("dateformat", "timestampformat", "timestampntzformat")


def read(spark: SparkSession, files: Sequence[RawFile], source: FileSource, expected: T.StructType | None) -> Reading:
    """The rows of JSON files. What isn't a JSON object of the columns' types is rejected."""
    settings = _JsonOptions(_without_unused_locale(source.options))
    each(files, partial(_check_encoding, settings))
    texts = (read_values(spark, files, settings.reader_options, settings.encoding).select(TEXT) if settings.multiline
             else None)
    pinned = _infer(spark, files, settings, texts, expected) if expected is None else expected
    if not pinned.fields:
        raise DataError("clean", files[0].ref, "has no JSON object to infer columns from", "declare the schema")
    if expected is None:
        _refuse_clash(spark, files, pinned, settings)
    scans = _scan(spark, files, settings, pinned)
    actual = pinned if expected is None else _columns(spark, files, settings, texts, expected, scans)
    drift = DriftTracker(pinned, source.drift)
    if actual.fields:
        types = {field.name: field.dataType for field in pinned}
        drift.add_file(_ref_of_first(spark, files, actual, pinned, settings),
                       {name: types.get(name, actual[name].dataType) for name in actual.names})
    columns, count = drift.columns, None
    if settings.multiline:
        rows = _parse_texts(read_values(spark, files, settings.reader_options, settings.encoding), columns, settings)
    else:
        safe = [file for file, scan in zip(files, scans, strict=True) if scan.spark_safe]
        others = [file for file, scan in zip(files, scans, strict=True) if not scan.spark_safe]
        parts = [_read_by_spark(spark, safe, files, columns, settings)] if safe else []
        parts += [_read_lines(spark, others, files, columns, settings)] if others else []
        rows = reduce(DataFrame.unionByName, parts)
        count = None if others else sum(scan.rows for scan in scans)
    rows = with_metadata(rows, columns.names, file=F.col(FILE_NAME), original=F.col(TEXT), problem=F.col(PROBLEM))
    return Reading(rows, pinned, rows=count, drift=drift.counts)


@dataclass(frozen=True)
class _JsonOptions:
    """The options of a source that affect how records are parsed."""

    options: Mapping[str, Any]

    @property
    def reader_options(self) -> dict[str, Any]:
        """The options for Spark's reader.

        UTF-8 is left out: Spark rejects invalid bytes by default, but replaces them by U+FFFD if an encoding is set.
        """
        options = {name: value for name, value in self.options.items()
                   if not (self.utf8 and name.lower() in ("encoding", "charset"))}
        return {**options, "mode": "PERMISSIVE", "columnNameOfCorruptRecord": CORRUPT, **ALL_FILES}

    @property
    def encoding(self) -> str:
        return str(self._option("encoding", self._option("charset", "utf-8")))

    @property
    def utf8(self) -> bool:
        return codecs.lookup(self.encoding).name == "utf-8"

    @property
    def multiline(self) -> bool:
        return str(self._option("multiline", False)).lower() == "true"

    @property
    def is_standard(self) -> bool:
        """Whether it is standard JSON in UTF-8, with Spark's default line ends."""
        names = [name.lower() for name in self.options]
        return self.utf8 and not any(name.startswith("allow") or name == "linesep" for name in names)

    @property
    def has_locale(self) -> bool:
        """Whether a locale is set for the formats of values."""
        return self._option("locale", None) is not None

    def lines(self, spark: SparkSession, files: Sequence[RawFile]) -> DataFrame:
        """The files' original lines, in the column `value`."""
        options = {name: value for name, value in self.reader_options.items()
                   if name.lower() in ("linesep", "encoding")}
        return spark.read.options(**{**options, **ALL_FILES}).text([file.url for file in files])

    def _option(self, name: str, default: Any) -> Any:
        return next((value for key, value in self.options.items() if key.lower() == name), default)


def _without_unused_locale(options: Mapping[str, Any]) -> Mapping[str, Any]:
    """The options without a locale that no time format uses: with a German one, Spark reads the decimal "2.5" as 25."""
    if any(name.lower() in _TIME_FORMATS for name in options):
        return options
    return {name: value for name, value in options.items() if name.lower() != "locale"}


def _check_encoding(settings: _JsonOptions, file: RawFile) -> None:
    """Raises DataError if the file is in another encoding."""
    check_encoding(file.ref, read_head(file), settings.encoding)


def _scan(spark: SparkSession, files: Sequence[RawFile], settings: _JsonOptions, columns: T.StructType
          ) -> list[LineScan]:
    """Scans each file's lines. Lines in extensions of JSON are always parsed one by one, as are those with decimals
    whose value may depend on the locale."""
    if settings.multiline or not settings.is_standard or (settings.has_locale and has_type(columns, (T.DecimalType,))):
        return [LineScan(False, 0, None)] * len(files)
    return scan_files(spark, files[0].version.lake.store, [Text.of(file) for file in files], columns)


def _columns(spark: SparkSession, files: Sequence[RawFile], settings: _JsonOptions, texts: DataFrame | None,
             expected: T.StructType, scans: Sequence[LineScan]) -> T.StructType:
    """The columns that the records have, from the scans, or inferred by Spark where a scan has none."""
    unknown = [file for file, scan in zip(files, scans, strict=True) if scan.columns is None]
    scanned = [scan.columns for scan in scans if scan.columns is not None]
    inferred = [_infer(spark, unknown, settings, texts, expected)] if unknown else []
    return as_spark_infers(merge_schemas([*scanned, *inferred]) or T.StructType([]))


def _read_by_spark(spark: SparkSession, files: Sequence[RawFile], all_files: Sequence[RawFile], columns: T.StructType,
                   settings: _JsonOptions) -> DataFrame:
    schema = T.StructType([*columns.fields, T.StructField(CORRUPT, T.StringType())])
    rows = spark.read.schema(schema).options(**settings.reader_options).json([file.url for file in files])
    problem = F.when(F.col(CORRUPT).isNotNull(), _line_problem(F.col(CORRUPT), columns, settings))
    return rows.select(*(F.col(quoted(name)) for name in columns.names), file_path(all_files).alias(FILE_NAME),
                       F.col(CORRUPT).alias(TEXT), problem.alias(PROBLEM))


def _read_lines(spark: SparkSession, files: Sequence[RawFile], all_files: Sequence[RawFile], columns: T.StructType,
                settings: _JsonOptions) -> DataFrame:
    text, problem = _decoded(F.col("value"), settings)
    lines = settings.lines(spark, files).select(text.alias(TEXT), file_path(all_files).alias(FILE_NAME),
                                                problem.alias(PROBLEM))
    return _parse_texts(lines.where(F.trim(F.col(TEXT), F.lit(_BLANKS)) != ""), columns, settings, arrays=True)


def _decoded(line: Column, settings: _JsonOptions) -> tuple[Column, Column]:
    """A line's text, and why it isn't text in the encoding; null if it is."""
    if settings.utf8:
        return F.make_valid_utf8(line), invalid_utf8_message(line)
    original = line.cast("binary")
    text = F.decode(original, settings.encoding)
    invalid = text.contains("\ufffd") & (F.encode(text, settings.encoding) != original)
    return text, F.when(invalid, F.lit(f"holds bytes that aren't {settings.encoding}"))


def _parse_texts(texts: DataFrame, columns: T.StructType, settings: _JsonOptions, arrays: bool = False) -> DataFrame:
    """Parses each text into a row; with `arrays`, a text that is an array becomes a row for each of its elements."""
    text = F.col(TEXT)
    rows, record = add_parsed_columns(texts, parse_value(text, columns, settings.options), "_one")
    if arrays:
        is_array, kind = F.ltrim(text).startswith("["), T.ArrayType(columns)
        rows, array = add_parsed_columns(rows, parse_value(F.when(is_array, text), kind, settings.options), "_array")
        array_problem = F.when(is_complete(array), exactness_problem(array))
        elements = F.zip_with(array.exact, element_loss_reasons(array, columns, array.options), _element)
        single = F.array(_element(record.exact, F.lit(None).cast("string")))
        rows = rows.withColumn("_row", F.explode(
            F.when(is_complete(array) & array_problem.isNull(), elements).otherwise(single)))
        value = F.col("_row")["value"]
        mismatch = F.when(value.isNull(), F.lit(f"has an element that isn't a {describe_record('json', columns)}"))
        problem = F.when(~is_complete(array), record_problem(record, _line_problem(text, columns, settings))).otherwise(
            F.coalesce(array_problem, mismatch, F.concat(F.lit("has an element that "), F.col("_row")["loss"])))
    else:
        value, problem = record.exact, record_problem(record)
    rows = rows.withColumn(PROBLEM, F.coalesce(F.col(PROBLEM), problem))
    return rows.select(*(value[name].alias(name) for name in columns.names), FILE_NAME,
                       F.when(F.col(PROBLEM).isNotNull(), text).alias(TEXT), PROBLEM)


def _element(value: Column, loss: Column) -> Column:
    """An element of an array, and what it lost."""
    return F.struct(value.alias("value"), loss.alias("loss"))


def _line_problem(text: Column, columns: T.StructType, settings: _JsonOptions) -> Column:
    """Why a line isn't one object of these columns."""
    is_part = F.trim(text, F.lit(_BLANKS)).isin("{", "[", "}", "},", "]")
    reason = F.lit("is part of a record of several lines, which options.multiLine: true reads")
    return F.when(is_part, reason).otherwise(type_problem(text, columns, parser_options(settings.options)))


def _infer(spark: SparkSession, files: Sequence[RawFile], settings: _JsonOptions, texts: DataFrame | None,
           expected: T.StructType | None) -> T.StructType:
    """The columns that Spark infers from all records, or from a sample by the option samplingRatio. Records with a
    duplicate key are ignored."""
    options = settings.reader_options if expected is None else {**settings.reader_options, "primitivesAsString": "true"}
    parsing = {name: value for name, value in options.items() if name.lower() not in ("encoding", "charset")}
    try:
        if texts is None:
            return _without_corrupt(spark.read.options(**options).json([file.url for file in files]).schema)
    except AnalysisException as error:
        if error.getCondition() != "COLUMN_ALREADY_EXISTS":
            raise
        texts = settings.lines(spark, files).select(_decoded(F.col("value"), settings)[0])
    records = texts.rdd.map(_first_value)
    schema = spark.read.options(**parsing).json(records).schema
    if drop_duplicates(schema) != schema:
        schema = drop_duplicates(spark.read.options(**parsing).json(records.filter(_has_unique_keys)).schema)
    return _without_corrupt(schema)


def _has_unique_keys(text: str) -> bool:
    return not has_duplicate_key(text)


def _refuse_clash(spark: SparkSession, files: Sequence[RawFile], schema: T.StructType, settings: _JsonOptions) -> None:
    """Raises DataError if Spark can't distinguish two inferred columns, or two fields within one."""
    clash = find_field_clash(schema)
    if clash is None:
        return
    refs = [file.ref for file in files]
    first_refs = [_ref_of_first(spark, files, schema, T.StructType([field for field in schema if field.name != name]),
                                settings) for name in clash]
    raise DataError("clean", max(first_refs, key=lambda ref: refs.index(ref) if ref in refs else len(refs)),
                    f"has the keys {clash[0]!r} and {clash[1]!r}, which can't be distinguished",
                    "declare the columns that you need, by their exact names, instead of schema: infer")


def _without_corrupt(schema: T.StructType) -> T.StructType:
    return T.StructType([field for field in schema if field.name != CORRUPT])


def _first_value(row: Any) -> Any:
    return row[0]


def _ref_of_first(spark: SparkSession, files: Sequence[RawFile], schema: T.StructType, pinned: T.StructType,
                  settings: _JsonOptions) -> str:
    """For a message: the first file with a column that isn't in `pinned`, or else the version."""
    new = [name for name in schema.names if name not in pinned.names]
    everywhere = files[0].ref if len(files) == 1 else files[-1].version.ref
    if not new or len(files) == 1:
        return everywhere
    first_new = T.StructType([T.StructField(name, T.StringType()) for name in new[:1]])
    rows = spark.read.schema(first_new).options(**settings.reader_options).json([file.url for file in files])
    first = rows.where(F.col(quoted(new[0])).isNotNull()).select(F.min("_metadata.file_name")).first()
    name = first[0] if first else None
    return next((file.ref for file in files if name and file.file.path.endswith(name)), everywhere)
