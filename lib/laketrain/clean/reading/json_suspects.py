"""Whether Spark may lose a part of some JSON value in silence, by Arrow's reading of the same lines.

    table = pj.read_json(lines, explicit_schema=wanted_columns(columns))
    loses(table, columns)
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import types as T

from laketrain.clean.lossless import BELOW_MICROS, STARTS_WITH_YEAR, TIMES

_TOLD = (T.DecimalType, T.DateType, *TIMES)
_LARGE = re.compile(rb"[eE]\+?[0-9]{2}|[0-9]{39}")
_LARGEST = float(np.finfo(np.float32).max)


def wanted_columns(columns: T.StructType) -> pa.Schema | None:
    """Decimals, which Arrow refuses to round, and times, which are looked at as texts. None where there are maps, of
    which Arrow would make a column for each key."""
    try:
        return pa.schema([(field.name, kind) for field in columns if (kind := _wanted(field.dataType)) is not None])
    except NotImplementedError:
        return None


def _wanted(kind: T.DataType) -> pa.DataType | None:
    if isinstance(kind, T.DecimalType):
        return pa.decimal128(kind.precision, kind.scale)
    if isinstance(kind, (T.DateType, *TIMES)):
        return pa.string()
    if isinstance(kind, T.ArrayType):
        inner = _wanted(kind.elementType)
        return None if inner is None else pa.list_(inner)
    if isinstance(kind, T.StructType):
        fields = [(field.name, inner) for field in kind if (inner := _wanted(field.dataType)) is not None]
        return pa.struct(fields) if fields else None
    if isinstance(kind, T.MapType):
        raise NotImplementedError
    return None


def loses(table: pa.Table, columns: T.StructType) -> bool:
    """Whether Spark may lose a part of some value in silence."""
    there = [field for field in columns if field.name in table.schema.names]
    return any(_loses_some(table[field.name], field.dataType) for field in there)


def _loses_some(values: pa.ChunkedArray | pa.Array, kind: T.DataType) -> bool:
    if isinstance(kind, T.StructType) and pa.types.is_struct(values.type):
        parts = {field.name: part for field, part in zip(values.type, values.flatten(), strict=True)}
        return any(_loses_some(parts[field.name], field.dataType) for field in kind if field.name in parts)
    if isinstance(kind, T.ArrayType) and pa.types.is_list(values.type):
        return _loses_some(pc.list_flatten(values), kind.elementType)
    if isinstance(kind, T.FloatType) and pa.types.is_floating(values.type):
        size = pc.abs(values)
        return _any(pc.and_(pc.greater(size, _LARGEST), pc.is_finite(size)))
    if isinstance(kind, T.DateType) and pa.types.is_string(values.type):
        return _any(pc.greater(pc.utf8_length(values), len("2026-11-30")))
    if isinstance(kind, TIMES) and pa.types.is_string(values.type):
        return _any(pc.match_substring_regex(values, BELOW_MICROS)) or _any(
            pc.invert(pc.match_substring_regex(values, STARTS_WITH_YEAR)))
    return False


def _any(flags: pa.ChunkedArray | pa.Array) -> bool:
    return bool(pc.any(flags).as_py())


def may_lose(lines: bytes, columns: T.StructType) -> bool:
    """The same of lines that Arrow couldn't parse, at a guess that errs to one side."""
    kinds = list(_kinds(columns))
    if any(isinstance(kind, _TOLD) for kind in kinds):
        return True
    return any(isinstance(kind, (T.FloatType, T.DoubleType)) for kind in kinds) and bool(_LARGE.search(lines))


def _kinds(kind: T.DataType) -> Iterator[T.DataType]:
    if isinstance(kind, T.StructType):
        for field in kind:
            yield from _kinds(field.dataType)
    elif isinstance(kind, T.ArrayType):
        yield from _kinds(kind.elementType)
    elif isinstance(kind, T.MapType):
        yield from _kinds(kind.valueType)
    else:
        yield kind
