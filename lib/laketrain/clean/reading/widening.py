"""Types that can hold each value of another type, so that a cast loses nothing."""

from __future__ import annotations

from pyspark.sql import types as T

from laketrain.config.sql import widening


def can_widen(kind: T.DataType, wanted: T.DataType) -> bool:
    """Whether `wanted` is a wider type that can hold each value of `kind`."""
    if isinstance(kind, T.ArrayType) and isinstance(wanted, T.ArrayType):
        return _holds(kind.elementType, wanted.elementType)
    if isinstance(kind, T.MapType) and isinstance(wanted, T.MapType):
        return _holds(kind.keyType, wanted.keyType) and _holds(kind.valueType, wanted.valueType)
    if isinstance(kind, T.StructType) and isinstance(wanted, T.StructType):
        return kind.names == wanted.names and all(
            _holds(field.dataType, target.dataType) for field, target in zip(kind, wanted, strict=True))
    other = wanted.simpleString()
    return widening.widened(kind.simpleString(), other) == widening.plain(other)


def _holds(kind: T.DataType, wanted: T.DataType) -> bool:
    return kind == wanted or can_widen(kind, wanted)
