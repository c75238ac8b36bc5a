"""What Spark's parsing of a JSON text as some types loses, said in words by Spark's own expressions.

    lost_within(came, columns, options)      # "has more digits than decimal(10,2) holds in 'pay.sum'"

A text is parsed twice more for it: as texts, in which a time still has all its digits and a number its marks, and as
wider decimals, so that Spark itself says how a decimal is written.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from pyspark.sql import Column
from pyspark.sql import functions as F
from pyspark.sql import types as T

from laketrain.clean.lossless import TIMES, loss, wider
from laketrain.clean.reading.json_numbers import MARK, holds, twin_of

Options = Mapping[str, Any]

_LARGE = r"[:,\[]\s*-?(\d+([.]\d+)?[eE][+]?\d{2}|\d{39})"
"""Matches a number that a float or a double may not hold."""
_NUMBER_FOR_A_TIME = "a number for a time (declare it bigint and derive the time, e.g. by timestamp_millis)"


@dataclass(frozen=True)
class Came:
    """A text, and what it was parsed as: its value, and that of `written` and of `wide`, where there are such parts."""

    text: Column
    value: Column
    written: Column | None
    wide: Column | None


@dataclass(frozen=True)
class _Check:
    """One kind of loss.

    Attributes:
        kinds: the types that have it. came: what the value is held against. why: of that, of the value and of its type,
            what the value lacks, null where nothing.
    """

    kinds: tuple[type[T.DataType], ...]
    came: Column
    why: Callable[[Column, Column, T.DataType], Column]


def wide(text: Column, kind: T.DataType, options: Options) -> Column | None:
    """The decimals of a text with more digits; None where there are none."""
    twin = twin_of(kind, lambda leaf: wider(leaf) if isinstance(leaf, T.DecimalType) else None)
    return F.from_json(text, twin, dict(options)) if isinstance(twin, (T.StructType, T.ArrayType)) else None


def lost_within(came: Came, columns: T.StructType, options: Options) -> Column:
    """What the value lacks that was parsed of a text, with the column's name; null where nothing."""
    whys = [_within(check, check.came, came.value, columns, "") for check in _checks(came, options)
            if holds(columns, check.kinds)]
    return F.coalesce(*whys, F.lit(None).cast("string"))


def lost_within_each(came: Came, columns: T.StructType, options: Options) -> Column:
    """The same of a text that is an array, for each of its values, as an array."""
    whys = F.transform(came.value, lambda _: F.lit(None).cast("string"))
    for check in _checks(came, options):
        if holds(columns, check.kinds):
            further = F.zip_with(check.came, came.value, partial(_within_one, check, columns))
            whys = F.zip_with(whys, further, lambda one, other: F.coalesce(one, other))
    return whys


def _checks(came: Came, options: Options) -> list[_Check]:
    # A locale is for texts; numbers have the point.
    formats = {name: given for name, given in options.items() if name.lower() != "locale"}
    local = len(formats) < len(options)

    def of_time(text: Column, value: Column, kind: T.DataType) -> Column:
        why = loss(text, value, kind, formats)
        # Spark takes it for seconds since 1970, and counts beyond the years that it knows without a word.
        number = F.when(text.startswith(MARK), F.lit(_NUMBER_FOR_A_TIME))
        return number if why is None else F.coalesce(number, why)

    def of_decimal(more: Column, value: Column, kind: T.DataType) -> Column:
        return F.when(more != value, F.lit(f"more digits than {kind.simpleString()} holds"))

    def of_quoted(text: Column, value: Column, kind: T.DataType) -> Column:
        # Spark leaves the commas out of a number in quotes, so that "1,5" is 15; in German the points, and 2.5 is 25.
        other = text.contains(",")
        if local:
            other = other | ~text.try_cast(wider(kind)).eqNullSafe(value)
        return F.when(other & ~text.startswith(MARK) & value.isNotNull(), F.lit(f"no {kind.simpleString()}"))

    def of_floating(_: Column, value: Column, kind: T.DataType) -> Column:
        infinite = (F.abs(value) == float("inf")) & came.text.rlike(_LARGE)
        return F.when(infinite, F.lit(f"a number beyond {kind.simpleString()}"))

    checks = [_Check((T.FloatType, T.DoubleType), came.value, of_floating)]
    if came.written is not None:
        checks += [_Check((T.DateType, *TIMES), came.written, of_time)]
    if came.wide is not None and came.written is not None:
        checks += [_Check((T.DecimalType,), came.wide, of_decimal), _Check((T.DecimalType,), came.written, of_quoted)]
    return checks


def _within_one(check: _Check, columns: T.StructType, came: Column, value: Column) -> Column:
    return _within(check, came, value, columns, "")


def _within(check: _Check, came: Column, value: Column, kind: T.DataType, name: str) -> Column:
    """The same of a part."""
    if isinstance(kind, T.StructType):
        parts = [field for field in kind if holds(field.dataType, check.kinds)]
        return F.coalesce(*(_within(check, came[part.name], value[part.name], part.dataType,
                                    f"{name}.{part.name}" if name else part.name) for part in parts))
    if isinstance(kind, T.MapType):
        came, value, kind = F.map_values(came), F.map_values(value), T.ArrayType(kind.valueType)
    if isinstance(kind, T.ArrayType):
        inner = kind.elementType
        whys = F.zip_with(came, value, lambda one, other: _within(check, one, other, inner, name))
        return F.get(F.array_compact(whys), F.lit(0))
    return F.concat(F.lit("has "), check.why(came, value, kind), F.lit(f" in {name!r}"))
