"""Merges the columns of blocks of JSON lines; every value that isn't nested is a string.

    merged = merge_schemas([from_arrow(schema) for schema in schemas])
    as_spark_infers(merged)                    # the types that Spark's inference returns
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce

import pyarrow as pa
from pyspark.sql import types as T


def from_arrow(schema: pa.Schema | pa.StructType) -> T.StructType:
    """The columns of a schema that Arrow inferred. A column of nulls is void."""
    return T.StructType([T.StructField(field.name, _from_arrow_type(field.type)) for field in schema])


def merge_schemas(parts: Sequence[T.StructType | None]) -> T.StructType | None:
    """All columns of the parts; None if those of some part are unknown."""
    schemas = [columns for columns in parts if columns is not None]
    if len(schemas) < len(parts):
        return None
    return reduce(_union, schemas, T.StructType([]))


def as_spark_infers(columns: T.StructType) -> T.StructType:
    """The columns as Spark infers them: a column of nulls is a string; one of empty objects is dropped."""
    kinds = {field.name: _inferred_type(field.dataType) for field in columns}
    return T.StructType([T.StructField(name, kind) for name in sorted(kinds) if (kind := kinds[name]) is not None])


def _from_arrow_type(kind: pa.DataType) -> T.DataType:
    if pa.types.is_struct(kind):
        return from_arrow(kind)
    if pa.types.is_list(kind):
        return T.ArrayType(_from_arrow_type(kind.value_type))
    return T.NullType() if pa.types.is_null(kind) else T.StringType()


def _union(first: T.StructType, second: T.StructType) -> T.StructType:
    """The columns of both."""
    kinds = {field.name: field.dataType for field in first}
    for field in second:
        kinds[field.name] = _common_type(kinds[field.name], field.dataType) if field.name in kinds else field.dataType
    return T.StructType([T.StructField(name, kind) for name, kind in kinds.items()])


def _common_type(first: T.DataType, second: T.DataType) -> T.DataType:
    """A type for the values of both, as in Spark's inference: string if they differ."""
    if first == second or isinstance(second, T.NullType):
        return first
    if isinstance(first, T.NullType):
        return second
    if isinstance(first, T.StructType) and isinstance(second, T.StructType):
        return _union(first, second)
    if isinstance(first, T.ArrayType) and isinstance(second, T.ArrayType):
        return T.ArrayType(_common_type(first.elementType, second.elementType))
    return T.StringType()


def _inferred_type(kind: T.DataType) -> T.DataType | None:
    if isinstance(kind, T.StructType):
        inner = as_spark_infers(kind)
        return inner if inner.fields else None
    if isinstance(kind, T.ArrayType):
        element = _inferred_type(kind.elementType)
        return None if element is None else T.ArrayType(element)
    return T.StringType() if isinstance(kind, T.NullType) else kind
