"""The columns that JSON records have, all that isn't nested as text: of each block of lines, and of all together.

    found = merged([columns_of(schema) for schema in schemas])
    named(found)                    # as Spark's inference would name them
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce

import pyarrow as pa
from pyspark.sql import types as T


def columns_of(found: pa.Schema | pa.StructType) -> T.StructType:
    """Of a schema that Arrow inferred. What was never anything but null is void."""
    return T.StructType([T.StructField(field.name, _kind(field.type)) for field in found])


def merged(parts: Sequence[T.StructType | None]) -> T.StructType | None:
    """All columns of some; None where some aren't known."""
    known = [columns for columns in parts if columns is not None]
    if len(known) < len(parts):
        return None
    return reduce(_all, known, T.StructType([]))


def named(columns: T.StructType) -> T.StructType:
    """The columns as Spark names types: those that were never anything but null are text, those that were never but
    empty objects are none."""
    kinds = {field.name: _settled(field.dataType) for field in columns}
    return T.StructType([T.StructField(name, kind) for name in sorted(kinds) if (kind := kinds[name]) is not None])


def _kind(found: pa.DataType) -> T.DataType:
    if pa.types.is_struct(found):
        return columns_of(found)
    if pa.types.is_list(found):
        return T.ArrayType(_kind(found.value_type))
    return T.NullType() if pa.types.is_null(found) else T.StringType()


def _all(one: T.StructType, other: T.StructType) -> T.StructType:
    """The columns of both."""
    kinds = {field.name: field.dataType for field in one}
    for field in other:
        kinds[field.name] = _both(kinds[field.name], field.dataType) if field.name in kinds else field.dataType
    return T.StructType([T.StructField(name, kind) for name, kind in kinds.items()])


def _both(one: T.DataType, other: T.DataType) -> T.DataType:
    """A type for the values of both, as Spark's inference has it: text where they differ."""
    if one == other or isinstance(other, T.NullType):
        return one
    if isinstance(one, T.NullType):
        return other
    if isinstance(one, T.StructType) and isinstance(other, T.StructType):
        return _all(one, other)
    if isinstance(one, T.ArrayType) and isinstance(other, T.ArrayType):
        return T.ArrayType(_both(one.elementType, other.elementType))
    return T.StringType()


def _settled(kind: T.DataType) -> T.DataType | None:
    if isinstance(kind, T.StructType):
        inner = named(kind)
        return inner if inner.fields else None
    if isinstance(kind, T.ArrayType):
        element = _settled(kind.elementType)
        return None if element is None else T.ArrayType(element)
    return T.StringType() if isinstance(kind, T.NullType) else kind
