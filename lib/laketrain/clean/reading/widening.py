"""Types that hold each value of another type whole, so that one may be cast to the other."""

from __future__ import annotations

from pyspark.sql import types as T

from laketrain.config.sql import widening


def widened(kind: T.DataType, wanted: T.DataType) -> bool:
    """Whether each value of `kind` is the same as `wanted`, a wider type."""
    if isinstance(kind, T.ArrayType) and isinstance(wanted, T.ArrayType):
        return _holds(kind.elementType, wanted.elementType)
    if isinstance(kind, T.MapType) and isinstance(wanted, T.MapType):
        return _holds(kind.keyType, wanted.keyType) and _holds(kind.valueType, wanted.valueType)
    if isinstance(kind, T.StructType) and isinstance(wanted, T.StructType):
        return kind.names == wanted.names and all(
            _holds(one.dataType, other.dataType) for one, other in zip(kind, wanted, strict=True))
    other = wanted.simpleString()
    return widening.widened(kind.simpleString(), other) == widening.plain(other)


def _holds(kind: T.DataType, wanted: T.DataType) -> bool:
    return kind == wanted or widened(kind, wanted)
