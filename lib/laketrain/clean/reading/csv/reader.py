"""Reads CSV in any dialect. Headers are read file by file, so columns are found by name in any order.

Spark's reader treats lines as records or, with `multiLine`, doesn't split files and lets an open quote swallow the
rest. So files are surveyed first. Spark reads those in which each record is a line. The records of the others are split
here, and Spark parses them one by one.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial, reduce
from itertools import product
from typing import Any

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql import types as T

from laketrain.clean import lossless
from laketrain.clean.lossless import LOSSY
from laketrain.clean.reading.base import (
    ALL_FILES,
    CORRUPT,
    FILE_READ,
    MAX_CHECKED_COLUMNS,
    RECORD,
    REJECT,
    Reading,
    describe_record,
    with_metadata,
)
from laketrain.clean.reading.csv.doubles import have_plain_doubles
from laketrain.clean.reading.csv.records import Cut, Grammar
from laketrain.clean.reading.csv.slices import Slice, SliceOptions, blank, is_utf8, texts, utf8
from laketrain.clean.reading.csv.survey import FileSurvey, is_plain, survey
from laketrain.clean.reading.drift import DriftTracker
from laketrain.clean.reading.encoding import HEAD, check_encoding, read_head
from laketrain.clean.reading.partitions import file_path
from laketrain.clean.reading.ranges import RANGE, Text
from laketrain.clean.reading.raw_files import RawFile, each
from laketrain.config.sources import FileSource
from laketrain.config.sources.dialect import Dialect
from laketrain.errors import DataError
from laketrain.spark.frames import quoted

Header = tuple[str, ...]

_OURS = ("header", "multiline", "encoding", "charset", "quote", "escape", "mode", "columnnameofcorruptrecord",
         "enforceschema", "inferschema")
"""Options that laketrain sets itself."""
_ONE_BYTE = re.compile(r"ascii|iso8859|latin|cp125|cp437|cp8|koi8|mac")
_EAST_ASIAN = re.compile(r"gb|big5|cp9|euc|shiftjis")
_EXCEL = re.compile(rb"sep=([^\r\n])(?=\r?\n)")
_WHOLE = ((0, None),)
_LABEL = "^ *[+-]?0[0-9xX]|[0-9.][dDfF] *$"
_MANY_DOUBLES = 8
"""From so many columns of doubles on, checking the files first is faster than reading each value as text."""
_MARK = "\ufeff"


@dataclass(frozen=True)
class _CsvFile:
    """A file, its header, and the survey of its records, None as long as only the first bytes have been read."""

    file: RawFile
    header: Header | None
    survey: FileSurvey | None

    @property
    def plain(self) -> bool:
        """Whether Spark reads its lines correctly."""
        return self.survey is not None and self.survey.plain


@dataclass(frozen=True)
class _Layout:
    """How to read files with one header: Spark's options, the columns' names, and the fields by position.

    The fields have generated names, as the file's may be empty or unusual. Types that Spark may parse with loss are
    read as text and parsed by `lossless`.
    """

    dialect: Dialect
    options: Mapping[str, Any]
    names: Header
    fields: Sequence[T.StructField]
    doubles: bool = False
    """Whether Spark may parse doubles."""

    @property
    def schema(self) -> T.StructType:
        kinds = [T.StringType() if self.as_text(field.dataType) else field.dataType for field in self.fields]
        named = [T.StructField(field.name, kind) for field, kind in zip(self.fields, kinds, strict=True)]
        return T.StructType([*named, T.StructField(CORRUPT, T.StringType())])

    @property
    def single(self) -> dict[str, Any]:
        """Spark's options for a single record. Comments are already removed, so a record may start like one."""
        return {**{name: value for name, value in self.options.items() if name != "comment"}, "mode": "PERMISSIVE"}

    def as_text(self, kind: T.DataType) -> bool:
        """Whether Spark reads a column of that type as text."""
        return isinstance(kind, LOSSY) and not (self.doubles and isinstance(kind, T.DoubleType))


def read(spark: SparkSession, files: Sequence[RawFile], source: FileSource, expected: T.StructType | None) -> Reading:
    """The rows of CSV files. A line of another width, or with a value of another type, is a rejected row."""
    dialect = Dialect.of(source.options)
    csvs = _survey(spark, each(files, partial(_read_start, dialect)), dialect)
    pinned = _inferred(spark, csvs, source, dialect) if expected is None else expected
    rows = sum(csv.survey.rows for csv in csvs if csv.survey) if all(csv.plain for csv in csvs) else None
    trusted = _trusted_doubles(spark, csvs, pinned, dialect)
    if not dialect.header:
        return Reading(_part(spark, csvs, tuple(pinned.names), pinned, source, dialect, trusted), pinned, rows)
    drift = DriftTracker(pinned, source.drift)
    by_header: dict[Header, list[_CsvFile]] = {}
    for csv in csvs:
        # A file without lines has no rows, so its header doesn't matter.
        header = tuple(pinned.names) if csv.header is None else _match_case(csv.header, pinned)
        if csv.header is not None:
            _refuse_duplicates(csv.file, header, pinned, source)
            drift.add_file(csv.file.ref, {name: _kind(pinned, name) for name in header if name})
        by_header.setdefault(header, []).append(csv)
    parts = [_part(spark, group, header, drift.columns, source, dialect, trusted)
             for header, group in by_header.items()]
    return Reading(reduce(DataFrame.unionByName, parts), pinned, rows, drift=drift.counts)


# ---- Files


def _read_start(dialect: Dialect, file: RawFile) -> _CsvFile:
    """The file with its header, and its survey if it is small. Raises DataError if it has another encoding."""
    head = read_head(file)
    check_encoding(file.ref, head, dialect.encoding)
    grammar, whole = Grammar.of(dialect), len(head) < HEAD
    cut = grammar.cut(b"".join(utf8([head], dialect.encoding)), final=whole)
    header = _header(file, cut, grammar, dialect, whole) if dialect.header else None
    if not whole:
        return _CsvFile(file, header, None)
    result = FileSurvey(_spark_reads(dialect) and is_plain(cut), len(cut) - (header is not None), _WHOLE)
    return _CsvFile(file, header, result)


def _header(file: RawFile, cut: Cut, grammar: Grammar, dialect: Dialect, whole: bool) -> Header | None:
    first = next((number for number, empty in enumerate(blank(cut, grammar, one_column=False)) if not empty), None)
    if first is None and whole:
        return None
    problem = "has a quote that is never closed, or a very long line" if first is None else cut.problems.get(first)
    if first is None or problem:
        raise DataError("clean", file.ref, f"{problem}, in its header",
                        "mend the file, or set the source's options to its dialect")
    if (excel := _EXCEL.match(cut.data, cut.starts[first])) and len(cut) > 1:
        raise DataError("clean", file.ref, f"starts with Excel's line {excel[0].decode()}, expected the header",
                        f"deliver it without that line, and set the source's options.sep to {excel[1].decode()!r}")
    cells = [cell.decode("utf-8", "replace") for cell in grammar.cells(cut.data[cut.starts[first]:cut.ends[first]])]
    return tuple(cell.rstrip() if dialect.skip_trailing else cell for cell in cells)


def _survey(spark: SparkSession, csvs: Sequence[_CsvFile], dialect: Dialect) -> list[_CsvFile]:
    """The files, with surveys of the large ones."""
    utf_8, divisible = is_utf8(dialect.encoding), _divisible(dialect)
    large = {number: Text.of(csv.file) for number, csv in enumerate(csvs) if csv.survey is None}
    # Records in another encoding are never read by Spark, so only their ranges matter, if there are several.
    surveyed = {number: text for number, text in large.items()
                if utf_8 or (divisible and not text.whole and text.size > RANGE)}
    store = csvs[0].file.version.lake.store
    results = dict(zip(surveyed, survey(spark, store, list(surveyed.values()), Grammar.of(dialect)) if surveyed else [],
                       strict=True))
    return [csv if csv.survey else replace(csv, survey=_adjust(csv, results.get(number), dialect))
            for number, csv in enumerate(csvs)]


def _adjust(csv: _CsvFile, result: FileSurvey | None, dialect: Dialect) -> FileSurvey:
    """The survey without the header, for the dialect."""
    if result is None:
        return FileSurvey(False, 0, _WHOLE)
    return replace(result, plain=result.plain and _spark_reads(dialect), rows=result.rows - (csv.header is not None))


def _spark_reads(dialect: Dialect) -> bool:
    """Whether Spark's reader is correct for the dialect. It accepts invalid bytes of other encodings, and with a
    separator of several characters it doubles a quote at the end of a line."""
    return is_utf8(dialect.encoding) and len(dialect.separator) == 1


def _divisible(dialect: Dialect) -> bool:
    """Whether the dialect's characters are unambiguous in the encoding's bytes, starting at any character."""
    if is_utf8(dialect.encoding):
        return True
    name = codecs.lookup(dialect.encoding).name.replace("-", "").replace("_", "")
    marks = dialect.separator + dialect.quote + dialect.escape + dialect.comment + dialect.line_end
    if _ONE_BYTE.match(name):
        return marks.isascii()
    # A character's second byte may be a digit, a letter, or a sign that comes after the letters.
    return bool(_EAST_ASIAN.match(name)) and all(mark < "0" or "9" < mark < "@" for mark in marks)


# ---- Rows


def _inferred(spark: SparkSession, csvs: Sequence[_CsvFile], source: FileSource, dialect: Dialect) -> T.StructType:
    """The columns of the first file that has any, in types that fit all files with that header. Columns without a name
    are omitted."""
    first = next((csv.header for csv in csvs if csv.header is not None), None)
    group = [csv for csv in csvs if csv.header == first]
    layout = _layout(source, dialect, first or (), [])
    if all(csv.plain for csv in group):
        reader, data = spark.read.options(header=dialect.header), [csv.file.url for csv in group]
    else:
        records = _texts(spark, group, dialect, 0 if first is None else len(first)).where("problem IS NULL")
        reader, data = spark.read, records.select("text").rdd.map(lambda row: row[0])  # type: ignore[assignment]
    reader = reader.options(**layout.options, mode="PERMISSIVE")
    inferred = reader.options(inferSchema="true").csv(data).schema
    names = inferred.names if first is None else first
    if not names:
        raise DataError("clean", csvs[0].file.ref, "has no columns to infer", "declare the schema")
    texts = T.StructType([T.StructField(f"_{index}", T.StringType()) for index in range(len(inferred))])
    labels = _labels(reader.options(inferSchema="false").schema(texts).csv(data), inferred)
    types = [T.StringType() if index in labels or index >= len(inferred) else inferred[index].dataType
             for index in range(len(names))]
    return T.StructType([T.StructField(name, kind) for name, kind in zip(names, types, strict=True) if name])


def _labels(texts: DataFrame, inferred: T.StructType) -> set[int]:
    """The positions of columns that Spark inferred as numbers, but whose values like 007 or 2D are labels."""
    numbers = [index for index, field in enumerate(inferred) if isinstance(field.dataType, T.NumericType)]
    if not numbers:
        return set()
    row = texts.selectExpr(*(f"max(_{index} RLIKE '{_LABEL}')" for index in numbers)).first()
    return {index for index, is_label in zip(numbers, row or (), strict=True) if is_label}


def _match_case(header: Header, pinned: T.StructType) -> Header:
    """The header with the expected columns' capitals, as Spark ignores case. Exact names win."""
    by_lower = {name.lower(): name for name in pinned.names if name not in header}
    return tuple(by_lower.get(name.lower(), name) for name in header)


def _refuse_duplicates(file: RawFile, header: Header, pinned: T.StructType, source: FileSource) -> None:
    """Raises DataError if a column that is read occurs twice."""
    twice = sorted({name for name in header if name and header.count(name) > 1
                    and (name in pinned.names or source.drift.new == "keep")})
    if twice:
        raise DataError("clean", file.ref, f"has the column {twice[0]!r} twice", "give each column a different name")


def _kind(pinned: T.StructType, name: str) -> T.DataType:
    return pinned[name].dataType if name in pinned.names else T.StringType()


def _part(spark: SparkSession, csvs: Sequence[_CsvFile], header: Header, columns: T.StructType, source: FileSource,
          dialect: Dialect, trusted: Collection[str]) -> DataFrame:
    """The rows of files with one header. trusted: the paths of files whose doubles Spark may parse."""
    fields = [T.StructField(f"_{index}", _kind(columns, name)) for index, name in enumerate(header)]
    generated = {name: field.name for name, field in zip(header, fields, strict=True)}
    parts = []
    for plain_lines, doubles in product((True, False), repeat=2):
        group = [csv for csv in csvs if (csv.plain, csv.file.path in trusted) == (plain_lines, doubles)]
        layout = replace(_layout(source, dialect, header, fields), doubles=doubles)
        # If no column is selected, Spark doesn't report corrupt lines.
        if group and plain_lines and any(field.name in generated for field in columns):
            files = [csv.file for csv in group]
            parts.append(_read(_from_lines(spark, files, layout), generated, columns, layout, file_path(files)))
        elif group:
            records = _from_records(_texts(spark, group, dialect, len(header)), layout)
            parts.append(_read(records, generated, columns, layout, F.col(FILE_READ)))
    rows = reduce(DataFrame.unionByName, parts)
    return with_metadata(rows, columns.names, file=F.col(FILE_READ), original=F.col(RECORD), problem=F.col(REJECT))


def _trusted_doubles(spark: SparkSession, csvs: Sequence[_CsvFile], columns: T.StructType, dialect: Dialect
                     ) -> frozenset[str]:
    """The paths of files whose doubles Spark may parse; none if there are few columns of doubles."""
    many = sum(isinstance(field.dataType, T.DoubleType) for field in columns) >= _MANY_DOUBLES
    if not many or "1e5".encode(dialect.encoding) != b"1e5":
        return frozenset()
    files = [csv.file for csv in csvs]
    results = have_plain_doubles(spark, files[0].version.lake.store, [Text.of(file) for file in files])
    return frozenset(file.path for file, is_plain in zip(files, results, strict=True) if is_plain)


def _read(parsed: DataFrame, generated: Mapping[str, str], columns: T.StructType, layout: _Layout, file: Column
          ) -> DataFrame:
    """The `columns` in their types, then REJECT (why the row is rejected), RECORD and FILE_READ.

    All in one select: Spark pushes no filter below `file`, so it doesn't parse values twice.
    """
    present = [field for field in columns if field.name in generated]
    wrong = F.when(F.col(CORRUPT).isNotNull(), _corrupt_message(layout))
    problem = F.coalesce(F.col(REJECT), wrong,
                         *(problem for field in present for problem in _problems(generated, field, layout)))
    # One expression: each Column that Python creates takes a millisecond, and a file may have a thousand columns.
    texts = F.expr(f"struct({', '.join(f'{generated[field.name]} AS {quoted(field.name)}' for field in present)})")
    record = F.coalesce(F.col(CORRUPT), F.when(problem.isNotNull(), F.to_json(texts)))
    return parsed.select(*(_value(generated, field, layout) for field in columns), problem.alias(REJECT),
                         record.alias(RECORD), file.alias(FILE_READ))


def _corrupt_message(layout: _Layout) -> Column:
    """Why Spark's reader refused a line or record. Names the first value of another type, if there are few columns."""
    named = list(zip(layout.names, layout.fields, strict=True))
    width = T.StructType([T.StructField(name, field.dataType) for name, field in named])
    shape = F.lit(f"isn't a {describe_record('csv', width)}")
    checked = [(name, field) for name, field in named if isinstance(field.dataType, (T.NumericType, T.BooleanType))
               and not layout.as_text(field.dataType)]
    if not checked or len(checked) > MAX_CHECKED_COLUMNS:
        return shape
    texts = F.from_csv(F.col(CORRUPT), ", ".join(f"{field.name} string" for field in layout.fields), layout.single)
    culprits = [F.when(texts[field.name].isNotNull() & texts[field.name].try_cast(field.dataType).isNull(),
                       F.lit(f": no {field.dataType.simpleString()} in {name!r}")) for name, field in checked]
    return F.concat(shape, F.coalesce(*culprits, F.lit("")))


def _value(generated: Mapping[str, str], field: T.StructField, layout: _Layout) -> Column:
    """The column, by its name."""
    if field.name not in generated:
        return F.lit(None).cast(field.dataType).alias(field.name)
    if layout.as_text(field.dataType):
        return lossless.parse(F.col(generated[field.name]), field.dataType, layout.options).alias(field.name)
    return F.expr(f"{generated[field.name]} AS {quoted(field.name)}")


def _problems(generated: Mapping[str, str], field: T.StructField, layout: _Layout) -> list[Column]:
    """Why the column's value differs from its text; null if it doesn't."""
    if not layout.as_text(field.dataType):
        return []
    text, kind = F.col(generated[field.name]), field.dataType
    problem = lossless.parse_problem(text, lossless.parse(text, kind, layout.options), kind, layout.options)
    return [F.concat(F.lit("has "), problem, F.lit(f" in {field.name!r}"))]


def _layout(source: FileSource, dialect: Dialect, names: Header, fields: Sequence[T.StructField]) -> _Layout:
    options = {name: value for name, value in source.options.items() if name.lower() not in _OURS}
    options |= {"quote": dialect.quote, "escape": dialect.escape, **ALL_FILES}
    return _Layout(dialect, options, names, fields)


def _from_lines(spark: SparkSession, files: Sequence[RawFile], layout: _Layout) -> DataFrame:
    """The layout's columns from files in which each record is a line. CORRUPT contains a line that can't be parsed."""
    options = {**layout.options, "header": layout.dialect.header, "enforceSchema": True, "mode": "PERMISSIVE",
               "columnNameOfCorruptRecord": CORRUPT}
    rows = spark.read.schema(layout.schema).options(**options).csv([file.url for file in files])
    return rows.withColumn(REJECT, F.lit(None).cast("string"))


def _texts(spark: SparkSession, csvs: Sequence[_CsvFile], dialect: Dialect, width: int) -> DataFrame:
    slices = [Slice(csv.file.path, csv.file.file.path, csv.file.ref, start, stop,
                    (csv.file.file.bytes if stop is None else stop) - start, dialect.header and not start)
              for csv in csvs if csv.survey for start, stop in csv.survey.ranges]
    return texts(spark, csvs[0].file.version.lake.store, slices, SliceOptions(dialect, width))


def _from_records(records: DataFrame, layout: _Layout) -> DataFrame:
    """The layout's columns from records (`text`, `problem`, `file`), with CORRUPT, REJECT and FILE_READ."""
    schema = ", ".join(f"{field.name} {field.dataType.simpleString()}" for field in layout.schema)
    options = {**layout.single, "columnNameOfCorruptRecord": CORRUPT}
    text = F.col("text")
    # Spark removes a byte order mark from each text that it parses.
    text = F.when(text.startswith(_MARK), F.concat(F.lit(_MARK), text)).otherwise(text)
    parsed = records.withColumn("_parsed", F.from_csv(text, schema, options))
    wrong = F.col("problem").isNotNull() | F.col("_parsed")[CORRUPT].isNotNull()
    return parsed.select(*(F.col("_parsed")[field.name].alias(field.name) for field in layout.fields),
                         F.when(wrong, F.col("text")).alias(CORRUPT), F.col("problem").alias(REJECT),
                         F.col("file").alias(FILE_READ))
