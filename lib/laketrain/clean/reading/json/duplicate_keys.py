"""Finds keys that a JSON object has twice. Parsers disagree on their value; Spark uses the last one.

    parsed = F.from_json(F.col("text"), key_type(columns), options)
    duplicate_key(parsed, columns, options)        # "has the key 'sum' twice in 'pay'", null if each key is unique
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from pyspark.sql import Column
from pyspark.sql import functions as F
from pyspark.sql import types as T

from laketrain.config.column_names import find_clash

_TEXT = T.StringType()


def key_type(kind: T.DataType) -> T.DataType:
    """The type that a value of type `kind` is parsed as to get its keys: Spark's maps keep each one, in order."""
    if isinstance(kind, T.ArrayType):
        return T.ArrayType(key_type(kind.elementType))
    return T.MapType(_TEXT, _TEXT) if isinstance(kind, (T.StructType, T.MapType)) else _TEXT


def duplicate_key(value: Column, kind: T.DataType, options: Mapping[str, Any], name: str = "") -> Column:
    """Describes the first duplicate key; null if there is none. Objects that are read as strings aren't checked.

    Args:
        value: parsed as `key_type(kind)`. name: the column, or the path within it.
    """
    if isinstance(kind, T.ArrayType):
        element = kind.elementType
        return _first_reason(F.transform(value, lambda item: duplicate_key(item, element, options, name)))
    keys = F.map_keys(value)
    duplicate = F.get(F.filter(keys, lambda key, index: F.array_position(keys, key) <= index), F.lit(0))
    reason = F.when(F.size(F.array_distinct(keys)) < F.size(keys),
                    F.concat(F.lit("has the key '"), duplicate, F.lit(f"' twice{f' in {name!r}' if name else ''}")))
    if isinstance(kind, T.MapType):
        item = kind.valueType
        return reason if not _has_keys(item) else F.coalesce(reason, _first_reason(F.transform(
            F.map_values(value), lambda text: duplicate_key(_parse_keys(text, item, options), item, options, name))))
    assert isinstance(kind, T.StructType)
    inner = [duplicate_key(_parse_keys(value[field.name], field.dataType, options), field.dataType, options,
                           f"{name}.{field.name}" if name else field.name)
             for field in kind if _has_keys(field.dataType)]
    return F.coalesce(reason, *inner)


def _parse_keys(text: Column, kind: T.DataType, options: Mapping[str, Any]) -> Column:
    return F.from_json(text, key_type(kind).simpleString(), dict(options))


def _first_reason(reasons: Column) -> Column:
    return F.get(F.array_compact(reasons), F.lit(0))


def _has_keys(kind: T.DataType) -> bool:
    return _has_keys(kind.elementType) if isinstance(kind, T.ArrayType) else isinstance(kind, (T.StructType, T.MapType))


def drop_duplicates(kind: T.StructType) -> T.StructType:
    """Keeps the first of inferred columns with exactly the same name, at any depth."""
    first = {field.name: field.dataType for field in reversed(kind.fields)}
    return T.StructType([T.StructField(name, _drop_within(first[name])) for name in dict.fromkeys(kind.names)])


def _drop_within(kind: T.DataType) -> T.DataType:
    if isinstance(kind, T.ArrayType):
        return T.ArrayType(_drop_within(kind.elementType))
    return drop_duplicates(kind) if isinstance(kind, T.StructType) else kind


def find_field_clash(kind: T.DataType) -> tuple[str, str] | None:
    """The first two field names of one struct, at any depth, that can't be distinguished; None if all can."""
    if isinstance(kind, T.ArrayType):
        return find_field_clash(kind.elementType)
    if not isinstance(kind, T.StructType):
        return None
    inner = (find_field_clash(field.dataType) for field in kind)
    return find_clash(kind.names) or next((names for names in inner if names is not None), None)


class _DuplicateKeyError(Exception):
    """An object has a key twice."""


def has_duplicate_key(text: str | bytes) -> bool:
    """Whether some object of a JSON text has a key twice; False if the text isn't valid JSON."""
    try:
        json.loads(text, object_pairs_hook=_check_unique, parse_int=str, parse_float=str)
    except _DuplicateKeyError:
        return True
    except (ValueError, RecursionError):
        return False
    return False


def _check_unique(pairs: Sequence[tuple[str, Any]]) -> None:
    if len({key for key, _ in pairs}) < len(pairs):
        raise _DuplicateKeyError
