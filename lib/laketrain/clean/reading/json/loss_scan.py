"""Checks whether Spark would silently lose a part of some JSON value, using Arrow's parsing of the same lines.

    table = pj.read_json(lines, explicit_schema=arrow_schema(columns))
    loses_values(table, columns)
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import types as T

from laketrain.clean.lossless import BELOW_MICROS, STARTS_WITH_YEAR, TIMES

_CHECKED_BY_VALUE = (T.DecimalType, T.DateType, *TIMES)
_LARGE = re.compile(rb"[eE]\+?[0-9]{2}|[0-9]{39}")
_LARGEST = float(np.finfo(np.float32).max)


def arrow_schema(columns: T.StructType) -> pa.Schema | None:
    """The columns that Arrow reads as declared: decimals, which it refuses to round, and times, as strings.

    None if there are maps: Arrow would make a column from each key.
    """
    try:
        return pa.schema([(field.name, kind) for field in columns if (kind := _arrow_type(field.dataType)) is not None])
    except NotImplementedError:
        return None


def _arrow_type(kind: T.DataType) -> pa.DataType | None:
    if isinstance(kind, T.DecimalType):
        return pa.decimal128(kind.precision, kind.scale)
    if isinstance(kind, (T.DateType, *TIMES)):
        return pa.string()
    if isinstance(kind, T.ArrayType):
        inner = _arrow_type(kind.elementType)
        return None if inner is None else pa.list_(inner)
    if isinstance(kind, T.StructType):
        fields = [(field.name, inner) for field in kind if (inner := _arrow_type(field.dataType)) is not None]
        return pa.struct(fields) if fields else None
    if isinstance(kind, T.MapType):
        raise NotImplementedError
    return None


def loses_values(table: pa.Table, columns: T.StructType) -> bool:
    """Whether Spark would silently lose a part of some value."""
    present = [field for field in columns if field.name in table.schema.names]
    return any(_loses_some_values(table[field.name], field.dataType) for field in present)


def _loses_some_values(values: pa.ChunkedArray | pa.Array, kind: T.DataType) -> bool:
    if isinstance(kind, T.StructType) and pa.types.is_struct(values.type):
        parts = {field.name: part for field, part in zip(values.type, values.flatten(), strict=True)}
        return any(_loses_some_values(parts[field.name], field.dataType) for field in kind if field.name in parts)
    if isinstance(kind, T.ArrayType) and pa.types.is_list(values.type):
        return _loses_some_values(pc.list_flatten(values), kind.elementType)
    if isinstance(kind, T.FloatType) and pa.types.is_floating(values.type):
        magnitude = pc.abs(values)
        return _any(pc.and_(pc.greater(magnitude, _LARGEST), pc.is_finite(magnitude)))
    if isinstance(kind, T.DateType) and pa.types.is_string(values.type):
        return _any(pc.greater(pc.utf8_length(values), len("2026-11-30")))
    if isinstance(kind, TIMES) and pa.types.is_string(values.type):
        return _any(pc.match_substring_regex(values, BELOW_MICROS)) or _any(
            pc.invert(pc.match_substring_regex(values, STARTS_WITH_YEAR)))
    return False


def _any(flags: pa.ChunkedArray | pa.Array) -> bool:
    return bool(pc.any(flags).as_py())


def may_lose_values(lines: bytes, columns: T.StructType) -> bool:
    """The same for lines that Arrow can't parse. It may return True for lines that lose nothing, never the reverse."""
    kinds = list(_leaf_types(columns))
    if any(isinstance(kind, _CHECKED_BY_VALUE) for kind in kinds):
        return True
    return any(isinstance(kind, (T.FloatType, T.DoubleType)) for kind in kinds) and bool(_LARGE.search(lines))


def _leaf_types(kind: T.DataType) -> Iterator[T.DataType]:
    if isinstance(kind, T.StructType):
        for field in kind:
            yield from _leaf_types(field.dataType)
    elif isinstance(kind, T.ArrayType):
        yield from _leaf_types(kind.elementType)
    elif isinstance(kind, T.MapType):
        yield from _leaf_types(kind.valueType)
    else:
        yield kind
