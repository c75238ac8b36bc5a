"""CSV and its dialects. Headers are read here, file by file, so that columns are found by name in whatever order.

Spark's reader takes lines for records or, with `multiLine`, never cuts a file and lets an open quote take all that
follows. So files are looked through first: those in which each record is a line are left to it. Of the others the
records are cut here, and parsed by Spark one by one.
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
from laketrain.clean.reading.base import ALL_FILES, CORRUPT, MOST_ASKED, RECORD, REJECT, Reading, marked, shape_of
from laketrain.clean.reading.doubles import trusted
from laketrain.clean.reading.drift import Judge
from laketrain.clean.reading.encoding import HEAD, check_encoding, head_of
from laketrain.clean.reading.landed import RawFile, each
from laketrain.clean.reading.partitions import place_of
from laketrain.clean.reading.records import Cut, Grammar
from laketrain.clean.reading.slices import Form, Slice, blank, is_utf8, texts, utf8
from laketrain.clean.reading.survey import RANGE, Found, Text, plain, survey
from laketrain.config.sources import Source
from laketrain.config.sources.dialect import Dialect
from laketrain.errors import DataError
from laketrain.spark.frames import quoted

Header = tuple[str, ...]

_OURS = ("header", "multiline", "encoding", "charset", "quote", "escape", "mode", "columnnameofcorruptrecord",
         "enforceschema", "inferschema")
"""Options that are set here, whatever the source says."""
_ONE_BYTE = re.compile(r"ascii|iso8859|latin|cp125|cp437|cp8|koi8|mac")
_EAST_ASIAN = re.compile(r"gb|big5|cp9|euc|shiftjis")
_EXCEL = re.compile(rb"sep=([^\r\n])(?=\r?\n)")
_WHOLE = ((0, None),)
_A_LABEL = "^ *[+-]?0[0-9xX]|[0-9.][dDfF] *$"
_MANY_DOUBLES = 8
"""Columns: of so many it takes less time to look for odd numbers first than to read each value as a text."""
_MARK = "\ufeff"


@dataclass(frozen=True)
class _Look:
    """A file, its header, and its records; `found` is None as long as only its first bytes have been read."""

    file: RawFile
    header: Header | None
    found: Found | None


@dataclass(frozen=True)
class _Layout:
    """How the rows of files with one header are read: Spark's options, and its columns by their places, under names of
    ours, as the file's may be none or odd. Spark parses as texts what `lossless` reads as the `fields`' types."""

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
        """Spark's options for a record alone, which may begin as a comment does: those have been left out."""
        return {**{name: value for name, value in self.options.items() if name != "comment"}, "mode": "PERMISSIVE"}

    def as_text(self, kind: T.DataType) -> bool:
        """Whether Spark's reader gives a column of that type as texts."""
        return isinstance(kind, LOSSY) and not (self.doubles and isinstance(kind, T.DoubleType))


def read(spark: SparkSession, files: Sequence[RawFile], source: Source, expected: T.StructType | None) -> Reading:
    """The rows of CSV files. A line of another width, or with a value of another type, is there as rejected."""
    dialect = Dialect.of(source.options)
    looks = _surveyed(spark, each(files, partial(_look, dialect)), dialect)
    pinned = _inferred(spark, looks, source, dialect) if expected is None else expected
    rows = sum(look.found.rows for look in looks if look.found) if all(_is_plain(look) for look in looks) else None
    fine = _plain_doubles(spark, looks, pinned, dialect)
    if not dialect.header:
        return Reading(_part(spark, looks, tuple(pinned.names), pinned, source, dialect, fine), pinned, rows)
    judge = Judge(pinned, source.drift)
    alike: dict[Header, list[_Look]] = {}
    for look in looks:
        # A file without a line has no rows, and so no wrong ones.
        named = tuple(pinned.names) if look.header is None else _by_capitals(look.header, pinned)
        if look.header is not None:
            _refuse_twice(look.file, named, pinned, source)
            judge.see(look.file.ref, {name: _kind(pinned, name) for name in named if name})
        alike.setdefault(named, []).append(look)
    parts = [_part(spark, group, named, judge.columns, source, dialect, fine) for named, group in alike.items()]
    return Reading(reduce(DataFrame.unionByName, parts), pinned, rows, drift=judge.told)


# ---- What files are like


def _look(dialect: Dialect, file: RawFile) -> _Look:
    """The file's header, where the dialect has one. Raises DataError where the file is in another encoding."""
    head = head_of(file)
    check_encoding(file.ref, head, dialect.encoding)
    grammar, whole = Grammar.of(dialect), len(head) < HEAD
    cut = grammar.cut(b"".join(utf8([head], dialect.encoding)), final=whole)
    header = _header(file, cut, grammar, dialect, whole) if dialect.header else None
    if not whole:
        return _Look(file, header, None)
    found = Found(_is_sparks(dialect) and plain(cut), len(cut) - (header is not None), _WHOLE)
    return _Look(file, header, found)


def _header(file: RawFile, cut: Cut, grammar: Grammar, dialect: Dialect, whole: bool) -> Header | None:
    first = next((number for number, empty in enumerate(blank(cut, grammar, one_column=False)) if not empty), None)
    if first is None and whole:
        return None
    problem = "has a quote that is never closed, or a very long line" if first is None else cut.problems.get(first)
    if first is None or problem:
        raise DataError("clean", file.ref, f"{problem}, in its header",
                        "mend the file, or say by the source's options how it is written")
    if (excel := _EXCEL.match(cut.data, cut.starts[first])) and len(cut) > 1:
        raise DataError("clean", file.ref, f"begins with Excel's own line {excel[0].decode()}, expected the header",
                        f"deliver it without that line, and set the source's options.sep to {excel[1].decode()!r}")
    cells = [cell.decode("utf-8", "replace") for cell in grammar.cells(cut.data[cut.starts[first]:cut.ends[first]])]
    return tuple(cell.rstrip() if dialect.skip_trailing else cell for cell in cells)


def _surveyed(spark: SparkSession, looks: Sequence[_Look], dialect: Dialect) -> list[_Look]:
    """The looks with what was found in the files that are larger than what has been read of them."""
    utf_8, divisible = is_utf8(dialect.encoding), _divisible(dialect)
    left = {number: Text.of(look.file) for number, look in enumerate(looks) if look.found is None}
    # Records of another encoding are cut here in any case; it is to be known where, if they make several ranges.
    asked = {number: text for number, text in left.items()
             if utf_8 or (divisible and not text.whole and text.size > RANGE)}
    store = looks[0].file.version.lake.store
    found = dict(zip(asked, survey(spark, store, list(asked.values()), Grammar.of(dialect)) if asked else [],
                     strict=True))
    return [look if look.found else replace(look, found=_settled(look, found.get(number), dialect))
            for number, look in enumerate(looks)]


def _settled(look: _Look, found: Found | None, dialect: Dialect) -> Found:
    if found is None:
        return Found(False, 0, _WHOLE)
    return replace(found, plain=found.plain and _is_sparks(dialect), rows=found.rows - (look.header is not None))


def _is_sparks(dialect: Dialect) -> bool:
    """Whether Spark's own reader may be trusted with it. Bytes that are none of another encoding it takes for some, and
    beside a separator of several characters it doubles a quote with which a line ends."""
    return is_utf8(dialect.encoding) and len(dialect.separator) == 1


def _divisible(dialect: Dialect) -> bool:
    """Whether the dialect's characters can be told in the encoding's bytes from wherever a character begins."""
    if is_utf8(dialect.encoding):
        return True
    name = codecs.lookup(dialect.encoding).name.replace("-", "").replace("_", "")
    marks = dialect.separator + dialect.quote + dialect.escape + dialect.comment + dialect.line_end
    if _ONE_BYTE.match(name):
        return marks.isascii()
    # A character's second byte may be a digit, a letter, or one of the signs that come after the letters.
    return bool(_EAST_ASIAN.match(name)) and all(mark < "0" or "9" < mark < "@" for mark in marks)


def _is_plain(look: _Look) -> bool:
    return look.found is not None and look.found.plain


# ---- Rows


def _inferred(spark: SparkSession, looks: Sequence[_Look], source: Source, dialect: Dialect) -> T.StructType:
    """The columns of the first file that has any, in types that fit all files with the same header. A column without a
    name is left out."""
    first = next((look.header for look in looks if look.header is not None), None)
    group = [look for look in looks if look.header == first]
    layout = _layout(source, dialect, first or (), [])
    if all(_is_plain(look) for look in group):
        reader, came = spark.read.options(header=dialect.header), [look.file.url for look in group]
    else:
        records = _texts(spark, group, dialect, 0 if first is None else len(first)).where("problem IS NULL")
        reader, came = spark.read, records.select("text").rdd.map(lambda row: row[0])  # type: ignore[assignment]
    reader = reader.options(**layout.options, mode="PERMISSIVE")
    found = reader.options(inferSchema="true").csv(came).schema
    names = found.names if first is None else first
    if not names:
        raise DataError("clean", looks[0].file.ref, "has no columns to infer", "declare the schema")
    texts = T.StructType([T.StructField(f"_{place}", T.StringType()) for place in range(len(found))])
    labels = _labels(reader.options(inferSchema="false").schema(texts).csv(came), found)
    types = [T.StringType() if place in labels or place >= len(found) else found[place].dataType
             for place in range(len(names))]
    return T.StructType([T.StructField(name, kind) for name, kind in zip(names, types, strict=True) if name])


def _labels(texts: DataFrame, found: T.StructType) -> set[int]:
    """The columns, by their places, in which Spark saw numbers, and a value like 007 or 2D shows that they are none."""
    numbers = [place for place, field in enumerate(found) if isinstance(field.dataType, T.NumericType)]
    if not numbers:
        return set()
    row = texts.selectExpr(*(f"max(_{place} RLIKE '{_A_LABEL}')" for place in numbers)).first()
    return {place for place, has in zip(numbers, row or (), strict=True) if has}


def _by_capitals(header: Header, pinned: T.StructType) -> Header:
    """The header with expected columns named as they are expected: Spark minds no capitals. A column that has such a
    name as it stands goes before."""
    known = {name.lower(): name for name in pinned.names if name not in header}
    return tuple(known.get(name.lower(), name) for name in header)


def _refuse_twice(file: RawFile, header: Header, pinned: T.StructType, source: Source) -> None:
    """A name that stands twice matters only where its column is read."""
    twice = sorted({name for name in header if name and header.count(name) > 1
                    and (name in pinned.names or source.drift.new == "keep")})
    if twice:
        raise DataError("clean", file.ref, f"has the column {twice[0]!r} twice", "give each column a name of its own")


def _kind(pinned: T.StructType, name: str) -> T.DataType:
    return pinned[name].dataType if name in pinned.names else T.StringType()


def _part(spark: SparkSession, looks: Sequence[_Look], header: Header, columns: T.StructType, source: Source,
          dialect: Dialect, fine: Collection[str]) -> DataFrame:
    """The rows of files with one header. `fine`: the paths of those whose doubles Spark may parse."""
    fields = [T.StructField(f"_{place}", _kind(columns, name)) for place, name in enumerate(header)]
    at = {name: field.name for name, field in zip(header, fields, strict=True)}
    parts = []
    for plain_lines, doubles in product((True, False), repeat=2):
        group = [look for look in looks if (_is_plain(look), look.file.path in fine) == (plain_lines, doubles)]
        layout = replace(_layout(source, dialect, header, fields), doubles=doubles)
        # Spark refuses to tell which lines of a file are none where it reads no column of it.
        if group and plain_lines and any(field.name in at for field in columns):
            files = [look.file for look in group]
            parts.append(_read(_of_lines(spark, files, layout), at, columns, layout, place_of(files)))
        elif group:
            records = _of_records(_texts(spark, group, dialect, len(header)), layout)
            parts.append(_read(records, at, columns, layout, F.col("_place")))
    return marked(reduce(DataFrame.unionByName, parts), columns.names, file=F.col("_place"), came=F.col(RECORD),
                  problem=F.col(REJECT))


def _plain_doubles(spark: SparkSession, looks: Sequence[_Look], columns: T.StructType, dialect: Dialect
                   ) -> frozenset[str]:
    """The paths of files whose doubles Spark may parse; where those are few, it isn't looked for."""
    many = sum(isinstance(field.dataType, T.DoubleType) for field in columns) >= _MANY_DOUBLES
    if not many or "1e5".encode(dialect.encoding) != b"1e5":
        return frozenset()
    files = [look.file for look in looks]
    fine = trusted(spark, files[0].version.lake.store, [Text.of(file) for file in files])
    return frozenset(file.path for file, is_fine in zip(files, fine, strict=True) if is_fine)


def _read(parsed: DataFrame, at: Mapping[str, str], columns: T.StructType, layout: _Layout, place: Column) -> DataFrame:
    """The `columns` as values of their types, why a row isn't one of them, then how it came, and its `place`.

    All in one selection: as Spark pushes no filter through a `place`, it reads no value a second time for one.
    """
    there = [field for field in columns if field.name in at]
    wrong = F.when(F.col(CORRUPT).isNotNull(), _no_record(layout))
    problem = F.coalesce(F.col(REJECT), wrong, *(why for field in there for why in _problems(at, field, layout)))
    # In one piece: each Column that Python makes costs a millisecond, and a file may have a thousand.
    texts = F.expr(f"struct({', '.join(f'{at[field.name]} AS {quoted(field.name)}' for field in there)})")
    came = F.coalesce(F.col(CORRUPT), F.when(problem.isNotNull(), F.to_json(texts)))
    return parsed.select(*(_value(at, field, layout) for field in columns), problem.alias(REJECT),
                         came.alias(RECORD), place.alias("_place"))


def _no_record(layout: _Layout) -> Column:
    """Why a line or record that Spark's reader refused is none; with the first value that isn't of its type, where the
    columns are few."""
    named = list(zip(layout.names, layout.fields, strict=True))
    width = T.StructType([T.StructField(name, field.dataType) for name, field in named])
    shape = F.lit(f"is no {shape_of('csv', width)}")
    asked = [(name, field) for name, field in named if isinstance(field.dataType, (T.NumericType, T.BooleanType))
             and not layout.as_text(field.dataType)]
    if not asked or len(asked) > MOST_ASKED:
        return shape
    texts = F.from_csv(F.col(CORRUPT), ", ".join(f"{field.name} string" for field in layout.fields), layout.single)
    culprits = [F.when(texts[field.name].isNotNull() & texts[field.name].try_cast(field.dataType).isNull(),
                       F.lit(f": no {field.dataType.simpleString()} in {name!r}")) for name, field in asked]
    return F.concat(shape, F.coalesce(*culprits, F.lit("")))


def _value(at: Mapping[str, str], field: T.StructField, layout: _Layout) -> Column:
    """The column, by its name."""
    if field.name not in at:
        return F.lit(None).cast(field.dataType).alias(field.name)
    if layout.as_text(field.dataType):
        return lossless.read(F.col(at[field.name]), field.dataType, layout.options).alias(field.name)
    return F.expr(f"{at[field.name]} AS {quoted(field.name)}")


def _problems(at: Mapping[str, str], field: T.StructField, layout: _Layout) -> list[Column]:
    """Why the column's value isn't its text's, in words, null where it is."""
    if not layout.as_text(field.dataType):
        return []
    text, kind = F.col(at[field.name]), field.dataType
    why = lossless.unread(text, lossless.read(text, kind, layout.options), kind, layout.options)
    return [F.concat(F.lit("has "), why, F.lit(f" in {field.name!r}"))]


def _layout(source: Source, dialect: Dialect, names: Header, fields: Sequence[T.StructField]) -> _Layout:
    options = {name: value for name, value in source.options.items() if name.lower() not in _OURS}
    options |= {"quote": dialect.quote, "escape": dialect.escape, **ALL_FILES}
    return _Layout(dialect, options, names, fields)


def _of_lines(spark: SparkSession, files: Sequence[RawFile], layout: _Layout) -> DataFrame:
    """The layout's columns, of files in which every record is a line; the line as CORRUPT where it is no such row."""
    options = {**layout.options, "header": layout.dialect.header, "enforceSchema": True, "mode": "PERMISSIVE",
               "columnNameOfCorruptRecord": CORRUPT}
    rows = spark.read.schema(layout.schema).options(**options).csv([file.url for file in files])
    return rows.withColumn(REJECT, F.lit(None).cast("string"))


def _texts(spark: SparkSession, looks: Sequence[_Look], dialect: Dialect, width: int) -> DataFrame:
    slices = [Slice(look.file.path, look.file.file.path, look.file.ref, start, stop,
                    (look.file.file.bytes if stop is None else stop) - start, dialect.header and not start)
              for look in looks if look.found for start, stop in look.found.ranges]
    return texts(spark, looks[0].file.version.lake.store, slices, Form(dialect, width))


def _of_records(records: DataFrame, layout: _Layout) -> DataFrame:
    """The same of records of `text`, `problem` and `place`, with why they are none as REJECT, and their `_place`."""
    schema = ", ".join(f"{field.name} {field.dataType.simpleString()}" for field in layout.schema)
    options = {**layout.single, "columnNameOfCorruptRecord": CORRUPT}
    text = F.col("text")
    # Spark takes a byte order mark from each text that it parses.
    text = F.when(text.startswith(_MARK), F.concat(F.lit(_MARK), text)).otherwise(text)
    parsed = records.withColumn("_parsed", F.from_csv(text, schema, options))
    wrong = F.col("problem").isNotNull() | F.col("_parsed")[CORRUPT].isNotNull()
    return parsed.select(*(F.col("_parsed")[field.name].alias(field.name) for field in layout.fields),
                         F.when(wrong, F.col("text")).alias(CORRUPT), F.col("problem").alias(REJECT),
                         F.col("place").alias("_place"))
