"""Values read as a type of Spark's: one that the type doesn't hold whole is named, not rounded.

    value = read(F.col("price"), T.DecimalType(10, 2))      # null where the text isn't such a number
    lost(F.col("price"), value, T.DecimalType(10, 2))       # "more digits than decimal(10,2) holds", null where all fit

Spark's parsers round a decimal, cut a time below its microseconds, drop the time of day beside a date, make a large
number infinite, and take the label 2D for the number 2, all without a word. Only of `float` and `double` is the nearest
number what the type means.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import reduce
from operator import or_
from typing import Any

from pyspark import SparkContext
from pyspark.sql import Column
from pyspark.sql import functions as F
from pyspark.sql import types as T

from laketrain.clean.reading.base import CORRUPT

Options = Mapping[str, Any]

_WHOLE = (T.ByteType, T.ShortType, T.IntegerType, T.LongType)
_FLOATING = (T.FloatType, T.DoubleType)
TIMES = (T.TimestampType, T.TimestampNTZType)
_SPANS = (T.DayTimeIntervalType, T.YearMonthIntervalType)
LOSSY = (*_FLOATING, *TIMES, T.DateType, T.DecimalType)
"""The types of which Spark's parsers may lose a part in silence."""

_FORMATS: Mapping[type[T.DataType], tuple[str, ...]] = {
    T.DateType: ("dateformat", "locale", "enabledatetimeparsingfallback"),
    T.TimestampType: ("timestampformat", "locale", "timezone", "enabledatetimeparsingfallback"),
    T.TimestampNTZType: ("timestampntzformat", "locale"),
    T.FloatType: ("nanvalue", "positiveinf", "negativeinf"),
    T.DoubleType: ("nanvalue", "positiveinf", "negativeinf"),
}
"""Options of Spark's readers that say how a type is written, in small letters."""
_MOST_DIGITS = 38

BELOW_MICROS = r"\.\d{6}\d*[1-9]"
"""Matches a time with digits below a microsecond, in Java's patterns and RE2's."""
BEGINS_WITH_A_YEAR = r"^\s*[+-]?\d{4}"
AN_INFINITY = r"(?i)inf"
A_LETTER = "a letter that is part of no number"
_TIME_OF_DAY = r"\A\s*\S+?[T\s].*[1-9A-Ya-y]"
_ZONE = r":\d{1,2}([.]\d*)?\s*[A-Za-z+-]"
_A_NUMBER = r"\A\s*[+-]?(\d+[.]?\d*|[.]\d+)([eE][+-]?\d+)?\s*\z"
_A_JAVA_NUMBER = r"(?i)[\d.][df]\s*\z|0x"
_HAS_DIGITS = r"\A[^eE]*[1-9]"


def read(text: Column, kind: T.DataType, options: Options | None = None) -> Column:
    """The text as `kind`, one of LOSSY, null where it is none. `options` are those of Spark's CSV reader."""
    given = _formats(kind, options)
    if isinstance(kind, T.DecimalType):
        return _in_locale(text, options).try_cast(kind)
    if given:
        return _by_spark(text, kind, given)
    return text.try_cast(kind)


def lost(text: Column, value: Column, kind: T.DataType, options: Options | None = None) -> Column | None:
    """What of a text its `value` of the type `kind` lacks, in words, null where nothing; None for a type that never
    loses any. `options` are those of the reader that made the value."""
    if isinstance(kind, T.DecimalType):
        return _when(_rounded(_in_locale(text, options), value, kind), f"more digits than {kind.simpleString()} holds")
    if isinstance(kind, T.DateType):
        if _formats(kind, options):
            return None
        return _when(text.rlike(_TIME_OF_DAY), "a time of day, which a date doesn't hold")
    if isinstance(kind, TIMES):
        fine = _when(text.rlike(BELOW_MICROS), "digits below a microsecond")
        if _formats(kind, options):
            return fine
        if isinstance(kind, T.TimestampNTZType):
            fine = F.coalesce(fine, _when(text.rlike(_ZONE), "a zone, which timestamp_ntz doesn't hold"))
        return F.when(~text.rlike(BEGINS_WITH_A_YEAR), F.lit("a time of day without its date")).otherwise(fine)
    if isinstance(kind, _FLOATING):
        words = [str(word) for name, word in _formats(kind, options).items() if name.endswith("inf")]
        infinite = (F.abs(value) == float("inf")) & ~text.rlike(AN_INFINITY) & ~text.isin(words)
        return F.coalesce(_when(infinite, f"a number beyond {kind.simpleString()}"), _when(is_javas(text), A_LETTER))
    return None


def unread(text: Column, value: Column, kind: T.DataType, options: Options | None = None) -> Column:
    """Why the `value` that was read of a text isn't all of it, in words; null where it is, or there is no text."""
    none = _when(text.isNotNull() & value.isNull(), f"no {kind.simpleString()}")
    if isinstance(kind, T.DecimalType):
        large = value.isNull() & _in_locale(text, options).rlike(_A_NUMBER)
        none = F.coalesce(_when(large, f"more digits than {kind.simpleString()} holds"), none)
    why = lost(text, value, kind, options)
    reason = none if why is None else F.coalesce(none, why)
    if isinstance(kind, _FLOATING):
        # Spark computes the value anew each time that it is named: once will do for nearly all.
        return F.when((F.abs(F.coalesce(value, F.lit(float("inf")))) >= float("inf")) | is_javas(text), reason)
    return reason


def is_javas(text: Column) -> Column:
    """Whether a text is a number in Java's own code alone, such as `1d`, `2F` and `0x1p3`, which Spark's casts take."""
    short = F.rtrim(text)
    # A pattern takes far longer than what goes before it.
    may_be = reduce(or_, (*map(short.endswith, "dDfF"), *map(text.contains, "xX")))
    return may_be & text.rlike(_A_JAVA_NUMBER)


def flaw(before: Column, after: Column, kind: T.DataType, to: T.DataType) -> Column:
    """Why `after` isn't what `before`, of the type `kind`, is as the type `to`, at any depth; null where it is."""
    none = _when(before.isNotNull() & after.isNull(), f"expected {to.simpleString()}")
    if isinstance(kind, T.StructType) and isinstance(to, T.StructType):
        # Spark casts fields by their places.
        parts = [flaw(before[one.name], after[other.name], one.dataType, other.dataType)
                 for one, other in zip(kind, to, strict=False)]
        return F.coalesce(none, *parts)
    if isinstance(kind, T.MapType) and isinstance(to, T.MapType):
        before, after = F.map_values(before), F.map_values(after)
        kind, to = T.ArrayType(kind.valueType), T.ArrayType(to.valueType)
    if isinstance(kind, T.ArrayType) and isinstance(to, T.ArrayType):
        inner, target = kind.elementType, to.elementType
        whys = F.zip_with(before, after, lambda one, other: flaw(one, other, inner, target))
        return F.coalesce(none, F.get(F.array_compact(whys), F.lit(0)))
    why = lost(before, after, to) if isinstance(kind, T.StringType) else _narrowed(before, after, kind, to)
    return none if why is None else F.coalesce(none, why)


def _narrowed(before: Column, after: Column, kind: T.DataType, to: T.DataType) -> Column | None:
    """The same of what is no text; None for types that lose nothing, or nothing but what their name says."""
    if isinstance(kind, T.NumericType) and isinstance(to, _FLOATING):
        if isinstance(kind, _WHOLE):
            return _when(after.cast(T.DecimalType(20, 0)) != before, f"more digits than {to.simpleString()} holds")
        infinite = F.abs(after) == float("inf")
        return _when(infinite & (F.abs(before) != float("inf")), f"a number beyond {to.simpleString()}")
    if _has_to_come_back(kind, to):
        # What is too large to come back is null then.
        return _when(after.isNotNull() & ~after.try_cast(kind).eqNullSafe(before), f"expected {to.simpleString()}")
    return None


def _has_to_come_back(kind: T.DataType, to: T.DataType) -> bool:
    """Whether a value that loses nothing by the cast is the same again after one back."""
    exact = (*_WHOLE, T.DecimalType)
    if isinstance(kind, T.NumericType):
        # Of a float's digits a time has only some.
        return isinstance(to, (*exact, T.BooleanType)) or (isinstance(kind, exact) and isinstance(to, TIMES))
    return isinstance(kind, (*TIMES, *_SPANS)) and isinstance(to, exact)


def _when(condition: Column, reason: str) -> Column:
    return F.when(condition, F.lit(reason))


def _formats(kind: T.DataType, options: Options | None) -> dict[str, Any]:
    """The options that say how values of that type are written."""
    names = _FORMATS.get(type(kind), ())
    return {name.lower(): value for name, value in (options or {}).items() if name.lower() in names}


def _by_spark(text: Column, kind: T.DataType, formats: Options) -> Column:
    """As Spark's CSV reader parses a value that is all of its line."""
    alone = {**formats, "mode": "PERMISSIVE", "columnNameOfCorruptRecord": CORRUPT, "sep": "\x01", "quote": "\0",
             "escape": "\0"}
    parsed = F.from_csv(text, f"value {kind.simpleString()}, {CORRUPT} string", alone)
    return F.when(parsed[CORRUPT].isNull(), parsed["value"])


def wider(kind: T.DataType) -> T.DecimalType:
    """The decimal with as many digits before the point and the most behind it."""
    assert isinstance(kind, T.DecimalType)
    return T.DecimalType(_MOST_DIGITS, _MOST_DIGITS - (kind.precision - kind.scale))


def plain_number(text: Column, point: str, group: str) -> Column:
    """A number with these marks as a text without groups, with a point; null where it is none. It is strict:
    where the point is between thousands, neither 1.5 nor 0.234 is a number."""
    # A space may also be one of those that typography uses.
    between = r"[ \x{A0}\x{202F}]" if group.isspace() else re.escape(group)
    digits = rf"([1-9]\d{{0,2}}({between}\d{{3}})+|\d+)" if group else r"\d+"
    bare = F.regexp_replace(F.trim(text), between, "") if group else F.trim(text)
    whole = F.trim(text).rlike(rf"\A[+-]?{digits}({re.escape(point)}\d+)?\z")
    return F.when(whole, F.regexp_replace(bare, re.escape(point), "."))


def _in_locale(text: Column, options: Options | None) -> Column:
    """A number as the locale of the options writes it, with a point; as it is where they have none."""
    locale = next((str(value) for name, value in (options or {}).items() if name.lower() == "locale"), "")
    context = SparkContext._active_spark_context
    if not locale or context is None or context._jvm is None:
        return text
    java: Any = context._jvm.java
    marks = java.text.DecimalFormatSymbols(java.util.Locale.forLanguageTag(locale))
    return plain_number(text, marks.getDecimalSeparator(), marks.getGroupingSeparator())


def _rounded(text: Column, value: Column, kind: T.DecimalType) -> Column:
    """Whether the text has digits that its `value` lacks."""
    wide = wider(kind)
    # Spark rounds to the wide type as well, so the text itself shows the digits behind the point.
    beyond = text.rlike(rf"\.\d{{{kind.scale}}}\d*[1-9]")
    tiny = (value == 0) & text.rlike(_HAS_DIGITS) | (F.length(text) > _MOST_DIGITS)
    return F.when(text.rlike("[eE]"), (text.try_cast(wide) != value) | tiny).otherwise(beyond)
