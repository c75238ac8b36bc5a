"""Types that can hold each value of another type, so that a cast loses nothing."""

from __future__ import annotations

from pyspark.sql import types as T

from laketrain.config.sql import widening


def can_widen(kind: T.DataType, target: T.DataType) -> bool:
    """Whether `target` is a wider type that can hold each value of `kind`."""
    if isinstance(kind, T.ArrayType) and isinstance(target, T.ArrayType):
        return _holds(kind.elementType, target.elementType)
    if isinstance(kind, T.MapType) and isinstance(target, T.MapType):
        return _holds(kind.keyType, target.keyType) and _holds(kind.valueType, target.valueType)
    if isinstance(kind, T.StructType) and isinstance(target, T.StructType):
        return kind.names == target.names and all(
            _holds(field.dataType, other.dataType) for field, other in zip(kind, target, strict=True))
    other = target.simpleString()
    return widening.widened(kind.simpleString(), other) == widening.plain(other)


def _holds(kind: T.DataType, target: T.DataType) -> bool:
    return kind == target or can_widen(kind, target)
