r"""Numbers in JSON texts, as they are written there.

    came = written(F.col("text"), columns, options)
    exact(F.col("text"), value, came, columns)     # 1.10 is '1.10' in a column of texts

Spark's `from_json` makes a text of a number by way of a double: 1.10 becomes 1.1, and 1e400 "Infinity" with its quotes.
So a text in which that matters is parsed once more with all its numbers in quotes, between marks. These tell a number
from a text, too.
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

_TOLD_BY_TEXT = (T.StringType, T.DecimalType, T.DateType, *TIMES)
MARK = "\ufdd0"
"""Stands before and behind a number that was put in quotes: no character, so that no text should have it."""

_NO_FINITE = r"(?:NaN|INF|Infinity)\b"
_STRING = r'"(?:[^"\\]++|\\.)*+"' + r"|'(?:[^'\\]++|\\.)*+'"
_COMMENT = r"//[^\n]*+|/\*(?:[^*]|\*(?!/))*+\*/"
_WORD = rf"(?!{_NO_FINITE})[A-Za-z_$][\w$]*+"
# All is possessive: Java's patterns remember each turn of another loop on the stack, which a long text overflows.
_NUMBER = (rf"""(?s)\G((?:{_STRING}|{_COMMENT}|{_WORD}|[^"'/0-9A-Za-z_$+\-]++)*+)"""
           rf"([+-]?+(?:[0-9][0-9.eE+\-]*+|{_NO_FINITE}))")
"""Matches all that is before the next number outside of strings, and the number."""

_AS_JAVA_HAS_IT = r"-?+(?:[1-9][0-9]{0,6}\.(?:0|[0-9]{0,7}[1-9])|0\.(?:0|0{0,2}[1-9](?:[0-9]{0,9}[1-9])?+))"
_OTHERWISE = (rf"[:,\[\s/](?=[+\-0-9NI])(?!{_AS_JAVA_HAS_IT}\s*+[,\]}}/])"
              rf"(?:-0|[+-]?+(?:[0-9]++[.eE][0-9.eE+\-]*+|0[0-9]++|{_NO_FINITE}))\s*+[,\]}}/]")
"""Matches a number that isn't written as Java writes it, and few other texts."""
_MARK_ESCAPED = rf"(?i){MARK}|\\u{ord(MARK):04x}"


def marked(text: Column) -> Column:
    """The text with each of its numbers in quotes, between marks."""
    return F.regexp_replace(text, _NUMBER, f'$1"{MARK}$2{MARK}"')


def written(text: Column, kind: T.DataType, options: Options) -> Column | None:
    """The parts of the `kind` that are texts, times and decimals, as texts with marked numbers; None where there are
    none. It is null where it tells nothing that the value itself doesn't. With an object comes CORRUPT."""
    twin = twin_of(kind, lambda leaf: T.StringType() if isinstance(leaf, _TOLD_BY_TEXT) else None)
    if not isinstance(twin, (T.StructType, T.ArrayType)):
        return None
    if isinstance(twin, T.StructType):
        twin = T.StructType([*twin.fields, T.StructField(CORRUPT, T.StringType())])
    rest = text if holds(kind, _TOLD_BY_TEXT[1:]) else F.lit(None).cast("string")
    local = any(name.lower() == "locale" for name in options)
    matters = F.lit(True) if local else _is_otherwise(text) | _may_have_number_for_a_time(text, kind)
    return F.from_json(F.when(matters, marked(text)).otherwise(rest), twin, dict(options))


def exact(text: Column, value: Column, came: Column | None, kind: T.DataType) -> Column:
    """The `value` that was parsed of a text, in which numbers and what holds them are texts with all their digits.
    `came`: the text as `written`."""
    if came is None or not _has_texts(kind):
        return value
    return F.when(_is_otherwise(text), _with_texts(value, came, kind)).otherwise(value)


def inexact(text: Column, came: Column | None, kind: T.DataType) -> Column:
    """Why `exact` can't be so; null where it is."""
    if came is None or not _has_texts(kind):
        return F.lit(None).cast("string")
    broken = came[CORRUPT].isNotNull() if isinstance(kind, T.StructType) else came.isNull()
    return F.when(_is_otherwise(text) & (text.rlike(_MARK_ESCAPED) | broken),
                  F.lit("holds a number that can't be kept as it is written, which in quotes it can"))


def _is_otherwise(text: Column) -> Column:
    return text.rlike(_OTHERWISE)


def twin_of(kind: T.DataType, leaf: Callable[[T.DataType], T.DataType | None]) -> T.DataType | None:
    """The type with those parts alone, of the type `kind`, for which `leaf` has one; None where there are none."""
    if isinstance(kind, T.StructType):
        inner = [(field.name, part) for field in kind if (part := twin_of(field.dataType, leaf)) is not None]
        return T.StructType([T.StructField(name, part) for name, part in inner]) if inner else None
    if isinstance(kind, T.ArrayType):
        element = twin_of(kind.elementType, leaf)
        return None if element is None else T.ArrayType(element)
    if isinstance(kind, T.MapType):
        item = twin_of(kind.valueType, leaf)
        return None if item is None else T.MapType(kind.keyType, item)
    return leaf(kind)


def holds(kind: T.DataType, kinds: tuple[type[T.DataType], ...]) -> bool:
    """Whether a value of that type has a part of one of these."""
    return twin_of(kind, lambda leaf: leaf if isinstance(leaf, kinds) else None) is not None


def _may_have_number_for_a_time(text: Column, kind: T.DataType) -> Column:
    """Whether some time may be a number, by what follows its key: to mark all numbers takes longer than to parse."""
    if not holds(kind, TIMES):
        return F.lit(False)
    names = list(_keys_of_times(kind.elementType if isinstance(kind, T.ArrayType) else kind))
    if not all(re.fullmatch(r"\w+", name, re.ASCII) for name in names):
        return F.lit(True)
    follows = rf"(?:{'|'.join(names)})" + r"""["']?+\s*+(?:/|:\s*+[/+\-0-9])"""
    return text.rlike(follows + r"""|\\u[^"']*+["']\s*+[:/]""")


def _keys_of_times(kind: T.DataType) -> Iterator[str]:
    """The keys of times; nothing that is a name where a time is in an array or a map."""
    if not isinstance(kind, T.StructType):
        yield "" if holds(kind, TIMES) else "_"
        return
    for field in kind:
        if isinstance(field.dataType, T.StructType):
            yield from _keys_of_times(field.dataType)
        elif holds(field.dataType, TIMES):
            yield field.name if isinstance(field.dataType, TIMES) else ""


def _has_texts(kind: T.DataType) -> bool:
    return holds(kind, (T.StringType,))


def _with_texts(value: Column, came: Column, kind: T.DataType) -> Column:
    """The `value` with the texts of `came`, which is its twin."""
    if isinstance(kind, T.StringType):
        return F.regexp_replace(came, f'"?{MARK}([^{MARK}]*){MARK}"?', "$1")
    if isinstance(kind, T.StructType):
        parts = [_with_texts(value[part.name], came[part.name], part.dataType)
                 if _has_texts(part.dataType) else value[part.name] for part in kind]
        fields = [part.alias(field.name) for part, field in zip(parts, kind, strict=True)]
        return F.when(value.isNotNull(), F.struct(*fields))
    if isinstance(kind, T.ArrayType):
        element = kind.elementType
        return F.zip_with(value, came, lambda one, text: _with_texts(one, text, element))
    assert isinstance(kind, T.MapType)
    item = kind.valueType
    # Not by `map_from_arrays`, which ends the query where a key is there twice.
    return F.transform_values(value, lambda key, one: _with_texts(one, came[key], item))
