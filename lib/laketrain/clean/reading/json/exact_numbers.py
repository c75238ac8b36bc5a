"""Keeps the digits of JSON numbers that are read as strings.

    quoted = parse_with_quoted_numbers(F.col("text"), columns, options)
    restore_numbers(F.col("text"), value, quoted, columns)     # 1.10 stays '1.10' in a string column

Spark's `from_json` converts a number to a string by way of a double: 1.10 becomes 1.1, and 1e400 becomes "Infinity",
with the quotes. So where this matters, a text is parsed a second time with all its numbers in quotes, between marks.
The marks also distinguish a number from a string.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from pyspark.sql import Column
from pyspark.sql import functions as F
from pyspark.sql import types as T

from laketrain.clean.lossless import TIMES
from laketrain.clean.reading.base import CORRUPT

Options = Mapping[str, Any]

_NEED_TEXT = (T.StringType, T.DecimalType, T.DateType, *TIMES)
NUMBER_MARK = "\ufdd0"
"""Is put before and after a number in quotes. A Unicode noncharacter, which no text should contain."""

_NOT_FINITE = r"(?:NaN|INF|Infinity)\b"
_STRING = r'"(?:[^"\\]++|\\.)*+"' + r"|'(?:[^'\\]++|\\.)*+'"
_COMMENT = r"//[^\n]*+|/\*(?:[^*]|\*(?!/))*+\*/"
_WORD = rf"(?!{_NOT_FINITE})[A-Za-z_$][\w$]*+"
# All quantifiers are possessive: Java's regular expressions recurse for others, and a long text overflows the stack.
_NUMBER = (rf"""(?s)\G((?:{_STRING}|{_COMMENT}|{_WORD}|[^"'/0-9A-Za-z_$+\-]++)*+)"""
           rf"([+-]?+(?:[0-9][0-9.eE+\-]*+|{_NOT_FINITE}))")
"""Matches the text before the next number outside strings, and the number."""

_JAVA_FORM = r"-?+(?:[1-9][0-9]{0,6}\.(?:0|[0-9]{0,7}[1-9])|0\.(?:0|0{0,2}[1-9](?:[0-9]{0,9}[1-9])?+))"
_OTHER_FORM = (rf"[:,\[\s/](?=[+\-0-9NI])(?!{_JAVA_FORM}\s*+[,\]}}/])"
               rf"(?:-0|[+-]?+(?:[0-9]++[.eE][0-9.eE+\-]*+|0[0-9]++|{_NOT_FINITE}))\s*+[,\]}}/]")
"""Matches a number that isn't written as Java writes it, and little else."""
_MARK_OR_ITS_ESCAPE = rf"(?i){NUMBER_MARK}|\\u{ord(NUMBER_MARK):04x}"


def quote_numbers(text: Column) -> Column:
    """Puts each number of the text in quotes, between marks."""
    return F.regexp_replace(text, _NUMBER, f'$1"{NUMBER_MARK}$2{NUMBER_MARK}"')


def parse_with_quoted_numbers(text: Column, kind: T.DataType, options: Options) -> Column | None:
    """Parses the strings, times and decimals of `kind` as strings, with marked numbers. None if `kind` has none.

    It is null where it adds nothing to the value itself. A struct also has the field CORRUPT.
    """
    parts = map_leaves(kind, lambda leaf: T.StringType() if isinstance(leaf, _NEED_TEXT) else None)
    if not isinstance(parts, (T.StructType, T.ArrayType)):
        return None
    if isinstance(parts, T.StructType):
        parts = T.StructType([*parts.fields, T.StructField(CORRUPT, T.StringType())])
    rest = text if has_type(kind, _NEED_TEXT[1:]) else F.lit(None).cast("string")
    local = any(name.lower() == "locale" for name in options)
    matters = F.lit(True) if local else _has_other_form(text) | _may_have_number_as_time(text, kind)
    return F.from_json(F.when(matters, quote_numbers(text)).otherwise(rest), parts, dict(options))


def restore_numbers(text: Column, value: Column, quoted: Column | None, kind: T.DataType) -> Column:
    """The parsed `value`; numbers that are read as strings, alone or within others, keep all their digits.

    Args:
        quoted: the text by `parse_with_quoted_numbers`.
    """
    if quoted is None or not _has_strings(kind):
        return value
    return F.when(_has_other_form(text), _replace_strings(value, quoted, kind)).otherwise(value)


def number_problem(text: Column, quoted: Column | None, kind: T.DataType) -> Column:
    """Why `restore_numbers` can't keep the digits; null where it can."""
    if quoted is None or not _has_strings(kind):
        return F.lit(None).cast("string")
    broken = quoted[CORRUPT].isNotNull() if isinstance(kind, T.StructType) else quoted.isNull()
    return F.when(_has_other_form(text) & (text.rlike(_MARK_OR_ITS_ESCAPE) | broken),
                  F.lit("contains a number whose digits can't be kept; put it in quotes"))


def _has_other_form(text: Column) -> Column:
    return text.rlike(_OTHER_FORM)


def map_leaves(kind: T.DataType, leaf: Callable[[T.DataType], T.DataType | None]) -> T.DataType | None:
    """The type `kind` with each leaf type replaced by `leaf(type)`, without the leaves for which this is None.

    None if no leaf remains.
    """
    if isinstance(kind, T.StructType):
        inner = [(field.name, part) for field in kind if (part := map_leaves(field.dataType, leaf)) is not None]
        return T.StructType([T.StructField(name, part) for name, part in inner]) if inner else None
    if isinstance(kind, T.ArrayType):
        element = map_leaves(kind.elementType, leaf)
        return None if element is None else T.ArrayType(element)
    if isinstance(kind, T.MapType):
        item = map_leaves(kind.valueType, leaf)
        return None if item is None else T.MapType(kind.keyType, item)
    return leaf(kind)


def has_type(kind: T.DataType, kinds: tuple[type[T.DataType], ...]) -> bool:
    """Whether the type is or contains one of `kinds`."""
    return map_leaves(kind, lambda leaf: leaf if isinstance(leaf, kinds) else None) is not None


def _may_have_number_as_time(text: Column, kind: T.DataType) -> Column:
    """Whether a time may be written as a number, by what follows its key: marking all is slower than parsing."""
    if not has_type(kind, TIMES):
        return F.lit(False)
    names = list(_time_keys(kind.elementType if isinstance(kind, T.ArrayType) else kind))
    if not all(re.fullmatch(r"\w+", name, re.ASCII) for name in names):
        return F.lit(True)
    follows = rf"(?:{'|'.join(names)})" + r"""["']?+\s*+(?:/|:\s*+[/+\-0-9])"""
    return text.rlike(follows + r"""|\\u[^"']*+["']\s*+[:/]""")


def _time_keys(kind: T.DataType) -> Iterator[str]:
    """The keys of times; an empty name for a time in an array or a map."""
    if not isinstance(kind, T.StructType):
        yield "" if has_type(kind, TIMES) else "_"
        return
    for field in kind:
        if isinstance(field.dataType, T.StructType):
            yield from _time_keys(field.dataType)
        elif has_type(field.dataType, TIMES):
            yield field.name if isinstance(field.dataType, TIMES) else ""


def _has_strings(kind: T.DataType) -> bool:
    return has_type(kind, (T.StringType,))


def _replace_strings(value: Column, quoted: Column, kind: T.DataType) -> Column:
    """The `value` with its strings taken from `quoted`, which has the same structure."""
    if isinstance(kind, T.StringType):
        return F.regexp_replace(quoted, f'"?{NUMBER_MARK}([^{NUMBER_MARK}]*){NUMBER_MARK}"?', "$1")
    if isinstance(kind, T.StructType):
        parts = [_replace_strings(value[part.name], quoted[part.name], part.dataType)
                 if _has_strings(part.dataType) else value[part.name] for part in kind]
        fields = [part.alias(field.name) for part, field in zip(parts, kind, strict=True)]
        return F.when(value.isNotNull(), F.struct(*fields))
    if isinstance(kind, T.ArrayType):
        element = kind.elementType
        return F.zip_with(value, quoted, lambda part, text: _replace_strings(part, text, element))
    assert isinstance(kind, T.MapType)
    item = kind.valueType
    # Not with `map_from_arrays`, which fails on a duplicate key.
    return F.transform_values(value, lambda key, part: _replace_strings(part, quoted[key], item))
