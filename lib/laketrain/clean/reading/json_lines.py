"""JSON, a record a line or, with `multiLine: true`, wherever one ends.

Not all records need have a key: one that none has is missing.

A line is one object and nothing more, or an array of them. Files of which all lines are one object in plain UTF-8 are
left to Spark's reader, the fastest; the lines of others are parsed one by one.
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
from laketrain.clean.reading.json_files import PLACE, PROBLEM, TEXT, values
from laketrain.clean.reading.json_keys import merged, named
from laketrain.clean.reading.json_look import Look, look
from laketrain.clean.reading.json_losses import lost_within_each
from laketrain.clean.reading.json_numbers import holds
from laketrain.clean.reading.json_twice import alike_within, has_a_key_twice, once
from laketrain.clean.reading.json_value import computed, flaw, no_object, own, parsed, unlike, whole
from laketrain.clean.reading.partitions import file_path
from laketrain.clean.reading.ranges import Text
from laketrain.clean.reading.raw_files import RawFile, each
from laketrain.config.sources import Source
from laketrain.errors import DataError
from laketrain.spark.frames import quoted

_BLANKS = " \t\r\n"
_TIME_FORMATS = ("dateformat", "timestampformat", "timestampntzformat")


def read(spark: SparkSession, files: Sequence[RawFile], source: Source, expected: T.StructType | None) -> Reading:
    """The rows of JSON files. What is no JSON object of the columns' types is there as rejected."""
    form = _Form(_without_idle_locale(source.options))
    each(files, partial(_check_encoding, form))
    texts = values(spark, files, form.options, form.encoding).select(TEXT) if form.multiline else None
    pinned = _found(spark, files, form, texts, expected) if expected is None else expected
    if not pinned.fields:
        raise DataError("clean", files[0].ref, "has no JSON object to infer columns from", "declare the schema")
    if expected is None:
        _refuse_alike(spark, files, pinned, form)
    looks = _looks(spark, files, form, pinned)
    found = pinned if expected is None else _keys(spark, files, form, texts, expected, looks)
    drift = DriftTracker(pinned, source.drift)
    if found.fields:
        known = {field.name: field.dataType for field in pinned}
        drift.add_file(_place(spark, files, found, pinned, form), {name: known.get(name, found[name].dataType)
                                                              for name in found.names})
    columns, count = drift.columns, None
    if form.multiline:
        rows = _of_values(values(spark, files, form.options, form.encoding), columns, form)
    else:
        plain = [file for file, look in zip(files, looks, strict=True) if look.plain]
        odd = [file for file, look in zip(files, looks, strict=True) if not look.plain]
        parts = [_of_plain_lines(spark, plain, files, columns, form)] if plain else []
        parts += [_of_lines(spark, odd, files, columns, form)] if odd else []
        rows = reduce(DataFrame.unionByName, parts)
        count = None if odd else sum(look.rows for look in looks)
    rows = with_metadata(rows, columns.names, file=F.col(PLACE), original=F.col(TEXT), problem=F.col(PROBLEM))
    return Reading(rows, pinned, rows=count, drift=drift.counts)


@dataclass(frozen=True)
class _Form:
    """The source's options, as far as they say what a record is."""

    given: Mapping[str, Any]

    @property
    def options(self) -> dict[str, Any]:
        """For Spark's reader. By itself it takes UTF-8, and refuses stray bytes; told to, it puts U+FFFD for them."""
        own = {name: value for name, value in self.given.items()
               if not (self.utf8 and name.lower() in ("encoding", "charset"))}
        return {**own, "mode": "PERMISSIVE", "columnNameOfCorruptRecord": CORRUPT, **ALL_FILES}

    @property
    def encoding(self) -> str:
        return str(self._said("encoding", self._said("charset", "utf-8")))

    @property
    def utf8(self) -> bool:
        return codecs.lookup(self.encoding).name == "utf-8"

    @property
    def multiline(self) -> bool:
        return str(self._said("multiline", False)).lower() == "true"

    @property
    def plain(self) -> bool:
        """Whether it is JSON as the standard has it, in UTF-8, and its lines end as Spark's do by themselves."""
        loose = [name for name in self.given if name.lower().startswith("allow") or name.lower() == "linesep"]
        return self.utf8 and not loose

    @property
    def local(self) -> bool:
        """Whether a locale says how texts are written."""
        return self._said("locale", None) is not None

    def lines(self, spark: SparkSession, files: Sequence[RawFile]) -> DataFrame:
        """The files' lines as they came, in the column `value`."""
        options = {name: value for name, value in self.options.items() if name.lower() in ("linesep", "encoding")}
        return spark.read.options(**{**options, **ALL_FILES}).text([file.url for file in files])

    def _said(self, name: str, default: Any) -> Any:
        return next((value for key, value in self.given.items() if key.lower() == name), default)


def _without_idle_locale(options: Mapping[str, Any]) -> Mapping[str, Any]:
    """The options without a locale that says nothing of times: by a German one Spark takes the decimal "2.5" for 25."""
    if any(name.lower() in _TIME_FORMATS for name in options):
        return options
    return {name: value for name, value in options.items() if name.lower() != "locale"}


def _check_encoding(form: _Form, file: RawFile) -> None:
    """Raises DataError where the file is in another encoding."""
    check_encoding(file.ref, read_head(file), form.encoding)


def _looks(spark: SparkSession, files: Sequence[RawFile], form: _Form, columns: T.StructType) -> list[Look]:
    """What each file's lines are like. Those in other forms of JSON are all read one by one, and so are all by whose
    locale a decimal in quotes may be another number."""
    if form.multiline or not form.plain or (form.local and holds(columns, (T.DecimalType,))):
        return [Look(False, 0, None)] * len(files)
    return look(spark, files[0].version.lake.store, [Text.of(file) for file in files], columns)


def _keys(spark: SparkSession, files: Sequence[RawFile], form: _Form, texts: DataFrame | None, expected: T.StructType,
          looks: Sequence[Look]) -> T.StructType:
    """The columns that the records have: as the look found them, or as Spark does where that couldn't."""
    unknown = [file for file, one in zip(files, looks, strict=True) if one.keys is None]
    known = [one.keys for one in looks if one.keys is not None]
    further = [_found(spark, unknown, form, texts, expected)] if unknown else []
    return named(merged([*known, *further]) or T.StructType([]))


def _of_plain_lines(spark: SparkSession, files: Sequence[RawFile], all_files: Sequence[RawFile], columns: T.StructType,
                    form: _Form) -> DataFrame:
    schema = T.StructType([*columns.fields, T.StructField(CORRUPT, T.StringType())])
    rows = spark.read.schema(schema).options(**form.options).json([file.url for file in files])
    problem = F.when(F.col(CORRUPT).isNotNull(), _no_record(F.col(CORRUPT), columns, form))
    return rows.select(*(F.col(quoted(name)) for name in columns.names), file_path(all_files).alias(PLACE),
                       F.col(CORRUPT).alias(TEXT), problem.alias(PROBLEM))


def _of_lines(spark: SparkSession, files: Sequence[RawFile], all_files: Sequence[RawFile], columns: T.StructType,
              form: _Form) -> DataFrame:
    text, problem = _decoded(F.col("value"), form)
    lines = form.lines(spark, files).select(text.alias(TEXT), file_path(all_files).alias(PLACE), problem.alias(PROBLEM))
    return _of_values(lines.where(F.trim(F.col(TEXT), F.lit(_BLANKS)) != ""), columns, form, arrays=True)


def _decoded(line: Column, form: _Form) -> tuple[Column, Column]:
    """A line's text, and why it is none; null where it is."""
    if form.utf8:
        return F.make_valid_utf8(line), invalid_utf8_message(line)
    came = line.cast("binary")
    text = F.decode(came, form.encoding)
    foreign = text.contains("\ufffd") & (F.encode(text, form.encoding) != came)
    return text, F.when(foreign, F.lit(f"holds bytes that are no {form.encoding}"))


def _of_values(texts: DataFrame, columns: T.StructType, form: _Form, arrays: bool = False) -> DataFrame:
    """A row for each text, of which it is parsed; with `arrays`, a row for each element of one that is an array."""
    text = F.col(TEXT)
    rows, one = computed(texts, parsed(text, columns, form.given), "_one")
    if arrays:
        array, kind = F.ltrim(text).startswith("["), T.ArrayType(columns)
        rows, several = computed(rows, parsed(F.when(array, text), kind, form.given), "_several")
        other = F.when(whole(several), unlike(several))
        each_one = F.zip_with(several.taken, lost_within_each(several, columns, several.options), _element)
        elements = whole(several) & other.isNull()
        rows = rows.withColumn("_row", F.explode(F.when(elements, each_one).otherwise(
            F.array(_element(one.taken, F.lit(None).cast("string"))))))
        value = F.col("_row")["value"]
        none = F.when(value.isNull(), F.lit(f"has an element that is no {describe_record('json', columns)}"))
        wrong = F.when(~whole(several), flaw(one, _no_record(text, columns, form))).otherwise(
            F.coalesce(other, none, F.concat(F.lit("has an element that "), F.col("_row")["lost"])))
    else:
        value, wrong = one.taken, flaw(one)
    rows = rows.withColumn(PROBLEM, F.coalesce(F.col(PROBLEM), wrong))
    return rows.select(*(value[name].alias(name) for name in columns.names), PLACE,
                       F.when(F.col(PROBLEM).isNotNull(), text).alias(TEXT), PROBLEM)


def _element(value: Column, why: Column) -> Column:
    """An array's element, and what it lost."""
    return F.struct(value.alias("value"), why.alias("lost"))


def _no_record(text: Column, columns: T.StructType, form: _Form) -> Column:
    """Why a line that isn't one object of these columns is none."""
    part = F.trim(text, F.lit(_BLANKS)).isin("{", "[", "}", "},", "]")
    return F.when(part, F.lit("is a part of a record of several lines, which options.multiLine: true reads")).otherwise(
        no_object(text, columns, own(form.given)))


def _found(spark: SparkSession, files: Sequence[RawFile], form: _Form, texts: DataFrame | None,
           expected: T.StructType | None) -> T.StructType:
    """The columns that the records have; looked for in all of them unless the options give a samplingRatio. A record
    that has a key twice has none."""
    options = form.options if expected is None else {**form.options, "primitivesAsString": "true"}
    alone = {name: value for name, value in options.items() if name.lower() not in ("encoding", "charset")}
    try:
        if texts is None:
            return _without_corrupt(spark.read.options(**options).json([file.url for file in files]).schema)
    except AnalysisException as error:
        if error.getCondition() != "COLUMN_ALREADY_EXISTS":
            raise
        texts = form.lines(spark, files).select(_decoded(F.col("value"), form)[0])
    every = texts.rdd.map(_only)
    found = spark.read.options(**alone).json(every).schema
    if once(found) != found:
        found = once(spark.read.options(**alone).json(every.filter(_has_keys_once)).schema)
    return _without_corrupt(found)


def _has_keys_once(text: str) -> bool:
    return not has_a_key_twice(text)


def _refuse_alike(spark: SparkSession, files: Sequence[RawFile], found: T.StructType, form: _Form) -> None:
    """Raises DataError where of inferred columns, or of parts of one, one would hide another."""
    twins = alike_within(found)
    if twins is None:
        return
    refs = [file.ref for file in files]
    places = [_place(spark, files, found, T.StructType([field for field in found if field.name != name]), form)
              for name in twins]
    raise DataError("clean", max(places, key=lambda ref: refs.index(ref) if ref in refs else len(refs)),
                    f"has the keys {twins[0]!r} and {twins[1]!r}, which can't be told apart",
                    "declare the columns that are wanted, by their exact names, instead of schema: infer")


def _without_corrupt(found: T.StructType) -> T.StructType:
    return T.StructType([field for field in found if field.name != CORRUPT])


def _only(row: Any) -> Any:
    return row[0]


def _place(spark: SparkSession, files: Sequence[RawFile], found: T.StructType, pinned: T.StructType, form: _Form
           ) -> str:
    """For a message: the first file with a column that isn't expected, else all of the version's."""
    new = [name for name in found.names if name not in pinned.names]
    everywhere = files[0].ref if len(files) == 1 else files[-1].version.ref
    if not new or len(files) == 1:
        return everywhere
    schema = T.StructType([T.StructField(name, T.StringType()) for name in new[:1]])
    rows = spark.read.schema(schema).options(**form.options).json([file.url for file in files])
    first = rows.where(F.col(quoted(new[0])).isNotNull()).select(F.min("_metadata.file_name")).first()
    name = first[0] if first else None
    return next((file.ref for file in files if name and file.file.path.endswith(name)), everywhere)
