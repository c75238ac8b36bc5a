"""Keys that a JSON object has twice, which mean one value to one parser and another to the next.

    came = F.from_json(F.col("text"), keys_of(columns), options)
    twice(came, columns, options)        # "has the key 'sum' twice in 'pay'", null where each is there once

Spark takes the value that comes last.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from pyspark.sql import Column
from pyspark.sql import functions as F
from pyspark.sql import types as T

from laketrain.config.names import alike

_TEXT = T.StringType()


def keys_of(kind: T.DataType) -> T.DataType:
    """The type as which a value of the type `kind` is parsed for its keys: a map of Spark's has each one that came."""
    if isinstance(kind, T.ArrayType):
        return T.ArrayType(keys_of(kind.elementType))
    return T.MapType(_TEXT, _TEXT) if isinstance(kind, (T.StructType, T.MapType)) else _TEXT


def twice(came: Column, kind: T.DataType, options: Mapping[str, Any], name: str = "") -> Column:
    """Which key some object has twice, in words; null where none has. Of an object that is read as a text, or not at
    all, that isn't asked.

    Args:
        came: the value as `keys_of(kind)`. name: the column that it is of, or is within.
    """
    if isinstance(kind, T.ArrayType):
        element = kind.elementType
        return _some(F.transform(came, lambda one: twice(one, element, options, name)))
    keys = F.map_keys(came)
    again = F.get(F.filter(keys, lambda key, place: F.array_position(keys, key) <= place), F.lit(0))
    own = F.when(F.size(F.array_distinct(keys)) < F.size(keys),
                 F.concat(F.lit("has the key '"), again, F.lit(f"' twice{f' in {name!r}' if name else ''}")))
    if isinstance(kind, T.MapType):
        item = kind.valueType
        return own if not _has_keys(item) else F.coalesce(own, _some(F.transform(
            F.map_values(came), lambda text: twice(_parsed(text, item, options), item, options, name))))
    assert isinstance(kind, T.StructType)
    inner = [twice(_parsed(came[field.name], field.dataType, options), field.dataType, options,
                   f"{name}.{field.name}" if name else field.name) for field in kind if _has_keys(field.dataType)]
    return F.coalesce(own, *inner)


def _parsed(text: Column, kind: T.DataType, options: Mapping[str, Any]) -> Column:
    return F.from_json(text, keys_of(kind).simpleString(), dict(options))


def _some(whys: Column) -> Column:
    return F.get(F.array_compact(whys), F.lit(0))


def _has_keys(kind: T.DataType) -> bool:
    return _has_keys(kind.elementType) if isinstance(kind, T.ArrayType) else isinstance(kind, (T.StructType, T.MapType))


def once(kind: T.StructType) -> T.StructType:
    """Inferred columns without those whose very name an earlier one has, at any depth."""
    first = {field.name: field.dataType for field in reversed(kind.fields)}
    return T.StructType([T.StructField(name, _within(first[name])) for name in dict.fromkeys(kind.names)])


def _within(kind: T.DataType) -> T.DataType:
    if isinstance(kind, T.ArrayType):
        return T.ArrayType(_within(kind.elementType))
    return once(kind) if isinstance(kind, T.StructType) else kind


def alike_within(kind: T.DataType) -> tuple[str, str] | None:
    """The first two names of parts of one thing, at any depth, that can't be told apart; None where all can."""
    if isinstance(kind, T.ArrayType):
        return alike_within(kind.elementType)
    if not isinstance(kind, T.StructType):
        return None
    inner = (alike_within(field.dataType) for field in kind)
    return alike(kind.names) or next((twins for twins in inner if twins is not None), None)


class _TwiceError(Exception):
    """A key is there twice."""


def has_a_key_twice(text: str | bytes) -> bool:
    """Whether some object of a JSON text has; False of a text that is broken."""
    try:
        json.loads(text, object_pairs_hook=_once, parse_int=str, parse_float=str)
    except _TwiceError:
        return True
    except (ValueError, RecursionError):
        return False
    return False


def _once(pairs: Sequence[tuple[str, Any]]) -> None:
    if len({key for key, _ in pairs}) < len(pairs):
        raise _TwiceError
