"""Types that hold each value of another type whole, so that one may be cast to the other."""

from __future__ import annotations

from collections.abc import Mapping

from pyspark.sql import types as T

_WHOLE: tuple[type[T.DataType], ...] = (T.ByteType, T.ShortType, T.IntegerType, T.LongType)
_DIGITS = dict(zip(_WHOLE, (3, 5, 10, 19), strict=True))
_BITS = dict(zip(_WHOLE, (7, 15, 31, 63), strict=True))
_EXACT_IN: Mapping[type[T.DataType], int] = {T.FloatType: 24, T.DoubleType: 53}
"""Bits of whole numbers that are held each."""


def widened(kind: T.DataType, wanted: T.DataType) -> bool:
    """Whether each value of `kind` is the same as `wanted`, a wider type."""
    if isinstance(kind, T.ArrayType) and isinstance(wanted, T.ArrayType):
        return _holds(kind.elementType, wanted.elementType)
    if isinstance(kind, T.MapType) and isinstance(wanted, T.MapType):
        return _holds(kind.keyType, wanted.keyType) and _holds(kind.valueType, wanted.valueType)
    if isinstance(kind, T.StructType) and isinstance(wanted, T.StructType):
        return kind.names == wanted.names and all(
            _holds(one.dataType, other.dataType) for one, other in zip(kind, wanted, strict=True))
    if isinstance(kind, T.DecimalType) and isinstance(wanted, T.DecimalType):
        before, behind = kind.precision - kind.scale, kind.scale
        return wanted.precision - wanted.scale >= before and wanted.scale >= behind
    if isinstance(kind, T.FloatType):
        return isinstance(wanted, T.DoubleType)
    if isinstance(kind, _WHOLE):
        return _holds_whole(kind, wanted)
    return False


def _holds(kind: T.DataType, wanted: T.DataType) -> bool:
    return kind == wanted or widened(kind, wanted)


def _holds_whole(kind: T.DataType, wanted: T.DataType) -> bool:
    bits = _BITS[type(kind)]
    if isinstance(wanted, _WHOLE):
        return bits <= _BITS[type(wanted)]
    if isinstance(wanted, T.DecimalType):
        return _DIGITS[type(kind)] <= wanted.precision - wanted.scale
    return bits <= _EXACT_IN.get(type(wanted), 0)
