"""What Spark's parsing of a JSON text as some types loses, said in words by Spark's own expressions.

    lost_within(F.col("text"), value, columns, options)      # "has more digits than decimal(10,2) holds in 'pay.sum'"

A text is parsed once more for each kind of loss: as texts, in which a time still has all its digits, and as wider
decimals. Spark makes a number a text by way of a double, so texts alone wouldn't do.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from pyspark.sql import Column
from pyspark.sql import functions as F
from pyspark.sql import types as T

from laketrain.clean.lossless import TIMES, lost, wider

Options = Mapping[str, Any]

_LARGE = r"[:,\[]\s*-?(\d+([.]\d+)?[eE][+]?\d{2}|\d{39})"
"""Matches a number that a float or a double may not hold."""


@dataclass(frozen=True)
class _Check:
    """One kind of loss.

    Attributes:
        kinds: the types that have it. twin: the type as which a value of such a type is parsed once more. why: of that,
            of the value and of its type, what the value lacks, null where nothing.
    """

    kinds: tuple[type[T.DataType], ...]
    twin: Callable[[T.DataType], T.DataType]
    why: Callable[[Column, Column, T.DataType], Column]


def lost_within(text: Column, value: Column, columns: T.StructType, options: Options) -> Column:
    """What a `value` lacks that was parsed of a text, with the column's name; null where nothing."""
    whys = [_within(check, F.from_json(text, twin, dict(options)), value, columns, "")
            for check in _checks(text, options) if isinstance(twin := _twin(check, columns), T.StructType)]
    return F.coalesce(*whys, F.lit(None).cast("string"))


def lost_within_each(text: Column, values: Column, columns: T.StructType, options: Options) -> Column:
    """The same of a text that is an array, for each of its `values`, as an array."""
    whys = F.transform(values, lambda _: F.lit(None).cast("string"))
    for check in _checks(text, options):
        twin = _twin(check, columns)
        if twin is not None:
            came = F.from_json(text, T.ArrayType(twin), dict(options))
            further = F.zip_with(came, values, partial(_within_one, check, columns))
            whys = F.zip_with(whys, further, lambda one, other: F.coalesce(one, other))
    return whys


def _checks(text: Column, options: Options) -> list[_Check]:
    # A locale is for texts; numbers have the point.
    formats = {name: given for name, given in options.items() if name.lower() != "locale"}

    def of_time(came: Column, value: Column, kind: T.DataType) -> Column:
        why = lost(came, value, kind, formats)
        return F.lit(None).cast("string") if why is None else why

    def of_decimal(came: Column, value: Column, kind: T.DataType) -> Column:
        return F.when(came != value, F.lit(f"more digits than {kind.simpleString()} holds"))

    def of_group(came: Column, value: Column, kind: T.DataType) -> Column:
        # Spark leaves the commas out of a number in quotes, so that "1,5" is 15.
        return F.when(came.contains(",") & value.isNotNull(), F.lit(f"no {kind.simpleString()}"))

    def of_floating(_: Column, value: Column, kind: T.DataType) -> Column:
        infinite = (F.abs(value) == float("inf")) & text.rlike(_LARGE)
        return F.when(infinite, F.lit(f"a number beyond {kind.simpleString()}"))

    checks = [_Check((T.DateType, *TIMES), lambda _: T.StringType(), of_time),
              _Check((T.DecimalType,), wider, of_decimal),
              _Check((T.FloatType, T.DoubleType), lambda kind: kind, of_floating)]
    if len(formats) == len(options):
        checks.append(_Check((T.DecimalType,), lambda _: T.StringType(), of_group))
    return checks


def _twin(check: _Check, kind: T.DataType) -> T.DataType | None:
    """The type in which the check's values are parsed once more, and nothing else; None where there are none."""
    if isinstance(kind, T.StructType):
        inner = [(field.name, part) for field in kind if (part := _twin(check, field.dataType)) is not None]
        return T.StructType([T.StructField(name, part) for name, part in inner]) if inner else None
    if isinstance(kind, T.ArrayType):
        element = _twin(check, kind.elementType)
        return None if element is None else T.ArrayType(element)
    if isinstance(kind, T.MapType):
        item = _twin(check, kind.valueType)
        return None if item is None else T.MapType(kind.keyType, item)
    return check.twin(kind) if isinstance(kind, check.kinds) else None


def _within_one(check: _Check, columns: T.StructType, came: Column, value: Column) -> Column:
    return _within(check, came, value, columns, "")


def _within(check: _Check, came: Column, value: Column, kind: T.DataType, name: str) -> Column:
    """Of what `came` in the type that `_twin` has for `kind`."""
    if isinstance(kind, T.StructType):
        parts = [field for field in kind if _twin(check, field.dataType) is not None]
        return F.coalesce(*(_within(check, came[part.name], value[part.name], part.dataType,
                                    f"{name}.{part.name}" if name else part.name) for part in parts))
    if isinstance(kind, T.MapType):
        came, value, kind = F.map_values(came), F.map_values(value), T.ArrayType(kind.valueType)
    if isinstance(kind, T.ArrayType):
        inner = kind.elementType
        whys = F.zip_with(came, value, lambda one, other: _within(check, one, other, inner, name))
        return F.get(F.array_compact(whys), F.lit(0))
    return F.concat(F.lit("has "), check.why(came, value, kind), F.lit(f" in {name!r}"))
