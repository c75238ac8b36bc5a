"""Reads text as a Spark type, and reports values that the type can't hold exactly instead of rounding them.

    value = parse(F.col("price"), T.DecimalType(10, 2))      # null if the text isn't a number
    loss(F.col("price"), value, T.DecimalType(10, 2))        # "more digits than decimal(10,2) holds"; null if exact

Spark's parsers silently round decimals, cut times to microseconds, drop the time of day of a date, return infinity for
large numbers, and read the label 2D as the number 2. Only `float` and `double` may hold the nearest number.
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
"""The types that Spark's parsers may parse with silent loss."""

_FORMATS: Mapping[type[T.DataType], tuple[str, ...]] = {
    T.DateType: ("dateformat", "locale", "enabledatetimeparsingfallback"),
    T.TimestampType: ("timestampformat", "locale", "timezone", "enabledatetimeparsingfallback"),
    T.TimestampNTZType: ("timestampntzformat", "locale"),
    T.FloatType: ("nanvalue", "positiveinf", "negativeinf"),
    T.DoubleType: ("nanvalue", "positiveinf", "negativeinf"),
}
"""The options of Spark's readers that define a type's format, in lower case."""
_MAX_DIGITS = 38

BELOW_MICROS = r"\.\d{6}\d*[1-9]"
"""Matches a time with digits below a microsecond, in Java's patterns and RE2's."""
STARTS_WITH_YEAR = r"^\s*[+-]?\d{4}"
INFINITY = r"(?i)inf"
LETTER_SUFFIX = "a letter that isn't part of a number"
_TIME_OF_DAY = r"\A\s*\S+?[T\s].*[1-9A-Ya-y]"
_ZONE = r":\d{1,2}([.]\d*)?\s*[A-Za-z+-]"
_NUMBER = r"\A\s*[+-]?(\d+[.]?\d*|[.]\d+)([eE][+-]?\d+)?\s*\z"
_JAVA_NUMBER = r"(?i)[\d.][df]\s*\z|0x"
_HAS_DIGITS = r"\A[^eE]*[1-9]"


def parse(text: Column, kind: T.DataType, options: Options | None = None) -> Column:
    """The text as `kind`, one of LOSSY; null if it can't be parsed. options: those of Spark's CSV reader."""
    formats = _formats(kind, options)
    if isinstance(kind, T.DecimalType):
        return _in_locale(text, options).try_cast(kind)
    if formats:
        return _by_spark(text, kind, formats)
    return text.try_cast(kind)


def loss(text: Column, value: Column, kind: T.DataType, options: Options | None = None) -> Column | None:
    """Describes what `value`, of the type `kind`, lacks of its text; null if nothing. None for types without loss.

    options: those of the reader that parsed the value.
    """
    if isinstance(kind, T.DecimalType):
        return _when(_rounded(_in_locale(text, options), value, kind), f"more digits than {kind.simpleString()} holds")
    if isinstance(kind, T.DateType):
        if _formats(kind, options):
            return None
        return _when(text.rlike(_TIME_OF_DAY), "a time of day, which a date doesn't hold")
    if isinstance(kind, TIMES):
        problem = _when(text.rlike(BELOW_MICROS), "digits below a microsecond")
        if _formats(kind, options):
            return problem
        if isinstance(kind, T.TimestampNTZType):
            problem = F.coalesce(problem, _when(text.rlike(_ZONE), "a zone, which timestamp_ntz doesn't hold"))
        return F.when(~text.rlike(STARTS_WITH_YEAR), F.lit("a time of day without its date")).otherwise(problem)
    if isinstance(kind, _FLOATING):
        words = [str(word) for name, word in _formats(kind, options).items() if name.endswith("inf")]
        infinite = (F.abs(value) == float("inf")) & ~text.rlike(INFINITY) & ~text.isin(words)
        too_large = _when(infinite, f"a number beyond {kind.simpleString()}")
        return F.coalesce(too_large, _when(is_java_number(text), LETTER_SUFFIX))
    return None


def parse_problem(text: Column, value: Column, kind: T.DataType, options: Options | None = None) -> Column:
    """Why the `value` that was parsed from a text isn't exact; null if it is, or the text is null."""
    not_parsed = _when(text.isNotNull() & value.isNull(), f"no {kind.simpleString()}")
    if isinstance(kind, T.DecimalType):
        large = value.isNull() & _in_locale(text, options).rlike(_NUMBER)
        not_parsed = F.coalesce(_when(large, f"more digits than {kind.simpleString()} holds"), not_parsed)
    lost = loss(text, value, kind, options)
    reason = not_parsed if lost is None else F.coalesce(not_parsed, lost)
    if isinstance(kind, _FLOATING):
        # Spark computes the value again for each use; for nearly all rows this check needs it once.
        return F.when((F.abs(F.coalesce(value, F.lit(float("inf")))) >= float("inf")) | is_java_number(text), reason)
    return reason


def is_java_number(text: Column) -> Column:
    """Whether a text is a number only in Java's syntax, such as `1d`, `2F` and `0x1p3`. Spark's casts accept it."""
    short = F.rtrim(text)
    # A pattern is much slower than these checks.
    may_be = reduce(or_, (*map(short.endswith, "dDfF"), *map(text.contains, "xX")))
    return may_be & text.rlike(_JAVA_NUMBER)


def cast_problem(before: Column, after: Column, kind: T.DataType, to: T.DataType) -> Column:
    """Why `after` isn't `before`, of the type `kind`, cast exactly to the type `to`, at any depth; null if it is."""
    none = _when(before.isNotNull() & after.isNull(), f"expected {to.simpleString()}")
    if isinstance(kind, T.StructType) and isinstance(to, T.StructType):
        # Spark casts fields by position.
        parts = [cast_problem(before[field.name], after[target.name], field.dataType, target.dataType)
                 for field, target in zip(kind, to, strict=False)]
        return F.coalesce(none, *parts)
    if isinstance(kind, T.MapType) and isinstance(to, T.MapType):
        before, after = F.map_values(before), F.map_values(after)
        kind, to = T.ArrayType(kind.valueType), T.ArrayType(to.valueType)
    if isinstance(kind, T.ArrayType) and isinstance(to, T.ArrayType):
        inner, target = kind.elementType, to.elementType
        problems = F.zip_with(before, after, lambda value, cast: cast_problem(value, cast, inner, target))
        return F.coalesce(none, F.get(F.array_compact(problems), F.lit(0)))
    problem = loss(before, after, to) if isinstance(kind, T.StringType) else _narrowing(before, after, kind, to)
    return none if problem is None else F.coalesce(none, problem)


def _narrowing(before: Column, after: Column, kind: T.DataType, to: T.DataType) -> Column | None:
    """What a value that isn't text loses; None for types that lose nothing, or only what their name implies."""
    if isinstance(kind, T.NumericType) and isinstance(to, _FLOATING):
        if isinstance(kind, _WHOLE):
            return _when(after.cast(T.DecimalType(20, 0)) != before, f"more digits than {to.simpleString()} holds")
        infinite = F.abs(after) == float("inf")
        return _when(infinite & (F.abs(before) != float("inf")), f"a number beyond {to.simpleString()}")
    if _is_reversible(kind, to):
        # A value that is too large for the cast back becomes null.
        return _when(after.isNotNull() & ~after.try_cast(kind).eqNullSafe(before), f"expected {to.simpleString()}")
    return None


def _is_reversible(kind: T.DataType, to: T.DataType) -> bool:
    """Whether a cast back returns the original of each value that was cast without loss."""
    exact = (*_WHOLE, T.DecimalType)
    if isinstance(kind, T.NumericType):
        # A time has fewer digits than a float.
        return isinstance(to, (*exact, T.BooleanType)) or (isinstance(kind, exact) and isinstance(to, TIMES))
    return isinstance(kind, (*TIMES, *_SPANS)) and isinstance(to, exact)


def _when(condition: Column, reason: str) -> Column:
    return F.when(condition, F.lit(reason))


def _formats(kind: T.DataType, options: Options | None) -> dict[str, Any]:
    """The options that define the format of that type."""
    names = _FORMATS.get(type(kind), ())
    return {name.lower(): value for name, value in (options or {}).items() if name.lower() in names}


def _by_spark(text: Column, kind: T.DataType, formats: Options) -> Column:
    """The value that Spark's CSV reader parses from a line of one value."""
    alone = {**formats, "mode": "PERMISSIVE", "columnNameOfCorruptRecord": CORRUPT, "sep": "\x01", "quote": "\0",
             "escape": "\0"}
    parsed = F.from_csv(text, f"value {kind.simpleString()}, {CORRUPT} string", alone)
    return F.when(parsed[CORRUPT].isNull(), parsed["value"])


def wider(kind: T.DataType) -> T.DecimalType:
    """The decimal type with as many digits before the point, and the maximum after it."""
    assert isinstance(kind, T.DecimalType)
    return T.DecimalType(_MAX_DIGITS, _MAX_DIGITS - (kind.precision - kind.scale))


def plain_number(text: Column, point: str, group: str) -> Column:
    """A number with these separators as a text without groups, with a decimal point; null if it isn't one.

    It is strict: if a point separates thousands, neither 1.5 nor 0.234 is a number.
    """
    # A typographic space counts as a space.
    between = r"[ \x{A0}\x{202F}]" if group.isspace() else re.escape(group)
    digits = rf"([1-9]\d{{0,2}}({between}\d{{3}})+|\d+)" if group else r"\d+"
    bare = F.regexp_replace(F.trim(text), between, "") if group else F.trim(text)
    whole = F.trim(text).rlike(rf"\A[+-]?{digits}({re.escape(point)}\d+)?\z")
    return F.when(whole, F.regexp_replace(bare, re.escape(point), "."))


def _in_locale(text: Column, options: Options | None) -> Column:
    """A number in the options' locale, with a decimal point; unchanged if they have no locale."""
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
    # Spark rounds to the wide type as well, so the digits after the point are counted in the text.
    beyond = text.rlike(rf"\.\d{{{kind.scale}}}\d*[1-9]")
    tiny = (value == 0) & text.rlike(_HAS_DIGITS) | (F.length(text) > _MAX_DIGITS)
    return F.when(text.rlike("[eE]"), (text.try_cast(wide) != value) | tiny).otherwise(beyond)
