"""Describes what Spark loses when it parses a JSON text as the declared types.

    loss_reason(parsed, columns, options)      # "has more digits than decimal(10,2) holds in 'pay.sum'"

The text is parsed two more times: as strings, in which a time has all its digits and a number its marks, and as wider
decimals, which have the digits that the declared ones lose.
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
from laketrain.clean.reading.json.exact_numbers import NUMBER_MARK, has_type, map_leaves

Options = Mapping[str, Any]

_LARGE = r"[:,\[]\s*-?(\d+([.]\d+)?[eE][+]?\d{2}|\d{39})"
"""Matches a number that may be out of range for a float or a double."""
_NUMBER_AS_TIME = "a number for a time (declare it bigint and derive the time, e.g. by timestamp_millis)"


@dataclass(frozen=True)
class ParsedText:
    """A text and what was parsed from it.

    Attributes:
        value: by the declared types. quoted: by `parse_with_quoted_numbers`, wider: by `parse_wider`; None if the type
            has no such parts.
    """

    text: Column
    value: Column
    quoted: Column | None
    wider: Column | None


@dataclass(frozen=True)
class _Check:
    """One kind of loss.

    Attributes:
        kinds: the types that it can happen to. reference: what the value is compared with. reason: takes the reference,
            the value and its type, and returns what the value lost, null if nothing.
    """

    kinds: tuple[type[T.DataType], ...]
    reference: Column
    reason: Callable[[Column, Column, T.DataType], Column]


def parse_wider(text: Column, kind: T.DataType, options: Options) -> Column | None:
    """Parses the decimals of a text with more digits; None if `kind` has no decimals."""
    parts = map_leaves(kind, lambda leaf: wider(leaf) if isinstance(leaf, T.DecimalType) else None)
    return F.from_json(text, parts, dict(options)) if isinstance(parts, (T.StructType, T.ArrayType)) else None


def loss_reason(parsed: ParsedText, columns: T.StructType, options: Options) -> Column:
    """What the parsed value lost, with the column's name; null if nothing."""
    reasons = [_part_reason(check, check.reference, parsed.value, columns, "") for check in _checks(parsed, options)
               if has_type(columns, check.kinds)]
    return F.coalesce(*reasons, F.lit(None).cast("string"))


def element_loss_reasons(parsed: ParsedText, columns: T.StructType, options: Options) -> Column:
    """The same for a text that is an array: an array with a reason for each element."""
    reasons = F.transform(parsed.value, lambda _: F.lit(None).cast("string"))
    for check in _checks(parsed, options):
        if has_type(columns, check.kinds):
            further = F.zip_with(check.reference, parsed.value, partial(_element_reason, check, columns))
            reasons = F.zip_with(reasons, further, lambda first, second: F.coalesce(first, second))
    return reasons


def _checks(parsed: ParsedText, options: Options) -> list[_Check]:
    # A locale is for strings; JSON numbers have a decimal point.
    formats = {name: value for name, value in options.items() if name.lower() != "locale"}
    has_locale = len(formats) < len(options)

    def of_time(text: Column, value: Column, kind: T.DataType) -> Column:
        reason = loss(text, value, kind, formats)
        # Spark reads a number as seconds since 1970, and doesn't report a year out of range.
        number = F.when(text.startswith(NUMBER_MARK), F.lit(_NUMBER_AS_TIME))
        return number if reason is None else F.coalesce(number, reason)

    def of_decimal(wider_value: Column, value: Column, kind: T.DataType) -> Column:
        return F.when(wider_value != value, F.lit(f"more digits than {kind.simpleString()} holds"))

    def of_quoted(text: Column, value: Column, kind: T.DataType) -> Column:
        # Spark drops commas from a quoted number, so that "1,5" is 15; in a German locale it drops points: 2.5 is 25.
        other = text.contains(",")
        if has_locale:
            other = other | ~text.try_cast(wider(kind)).eqNullSafe(value)
        return F.when(other & ~text.startswith(NUMBER_MARK) & value.isNotNull(), F.lit(f"no {kind.simpleString()}"))

    def of_floating(_: Column, value: Column, kind: T.DataType) -> Column:
        infinite = (F.abs(value) == float("inf")) & parsed.text.rlike(_LARGE)
        return F.when(infinite, F.lit(f"a number beyond {kind.simpleString()}"))

    checks = [_Check((T.FloatType, T.DoubleType), parsed.value, of_floating)]
    if parsed.quoted is not None:
        checks += [_Check((T.DateType, *TIMES), parsed.quoted, of_time)]
    if parsed.wider is not None and parsed.quoted is not None:
        checks += [_Check((T.DecimalType,), parsed.wider, of_decimal),
                   _Check((T.DecimalType,), parsed.quoted, of_quoted)]
    return checks


def _element_reason(check: _Check, columns: T.StructType, reference: Column, value: Column) -> Column:
    return _part_reason(check, reference, value, columns, "")


def _part_reason(check: _Check, reference: Column, value: Column, kind: T.DataType, name: str) -> Column:
    """What the part `name` of a value lost by one check; null if nothing."""
    if isinstance(kind, T.StructType):
        parts = [field for field in kind if has_type(field.dataType, check.kinds)]
        return F.coalesce(*(_part_reason(check, reference[part.name], value[part.name], part.dataType,
                                         f"{name}.{part.name}" if name else part.name) for part in parts))
    if isinstance(kind, T.MapType):
        reference, value, kind = F.map_values(reference), F.map_values(value), T.ArrayType(kind.valueType)
    if isinstance(kind, T.ArrayType):
        inner = kind.elementType
        reasons = F.zip_with(reference, value, lambda first, second: _part_reason(check, first, second, inner, name))
        return F.get(F.array_compact(reasons), F.lit(0))
    return F.concat(F.lit("has "), check.reason(reference, value, kind), F.lit(f" in {name!r}"))
