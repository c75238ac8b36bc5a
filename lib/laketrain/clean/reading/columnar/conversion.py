"""Converts Arrow values to Spark's types without loss. Values that the type can't hold are reported by row.

    values, problems = to_spark(pa.array([1_001], pa.timestamp("ns")), T.TimestampType())
    problems                           # {0: "digits below a microsecond"}; that value is null
"""

from __future__ import annotations

import decimal
import uuid
from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import types as T

from laketrain.spark.arrow_types import arrow_type

Problems = dict[int, str]
"""What values have that the type can't hold, by row number."""

TOO_FINE = "digits below a microsecond"
TOO_FAR = "a time further away than microseconds count"
_NANOS = {"s": 10**9, "ms": 10**6, "us": 10**3, "ns": 1}
_INT64 = np.iinfo(np.int64)


def to_spark(array: pa.Array, kind: T.DataType, logical: pa.DataType | None = None) -> tuple[pa.Array, Problems]:
    """The array in the Arrow type of `kind`, which fits it, with nulls for values that it can't hold, and the problems.

    Args:
        logical: the values' type, if the array may have a bare number's.
    """
    array, logical = _decoded(array), array.type if logical is None else logical
    if pa.types.is_null(array.type):
        return pa.nulls(len(array), arrow_type(kind)), {}
    if isinstance(kind, T.ArrayType):
        rows, offsets, values = _flatten(array)
        inner, problems = to_spark(values, kind.elementType, logical.value_type)
        return pa.ListArray.from_arrays(offsets, inner), _by_row(rows, problems)
    if isinstance(kind, T.MapType):
        rows, offsets, keys, items = _flatten_map(array)
        keys, wrong = to_spark(keys, kind.keyType, logical.key_type)
        items, problems = to_spark(items, kind.valueType, logical.item_type)
        return _map_array(offsets, keys, items, wrong), _by_row(rows, {**wrong, **problems})
    if isinstance(kind, T.StructType):
        return _struct(array, kind, logical)
    return _value(array.view(logical) if pa.types.is_duration(logical) else array, kind)


def sub_microsecond_rows(micros: pa.Array, nanos: pa.Array) -> Problems:
    """Rows whose times have digits below a microsecond. The arguments are the same times in both units.

    Nanoseconds overflow in 1677 and 2262. The product of the microseconds does so too, so the difference is correct.
    """
    if pa.types.is_timestamp(micros.type):
        with np.errstate(over="ignore"):
            rest = _integers(nanos) - _integers(micros) * 1000
        return dict.fromkeys(np.flatnonzero((rest != 0) & _valid(micros)).tolist(), TOO_FINE)
    if pa.types.is_struct(micros.type):
        parts = zip(micros.flatten(), nanos.flatten(), strict=True)
        return {row: problem for pair in parts for row, problem in sub_microsecond_rows(*pair).items()}
    if pa.types.is_map(micros.type):
        rows, _, *inner_micros = _flatten_map(micros)
        _, _, *inner_nanos = _flatten_map(nanos)
    elif hasattr(micros.type, "value_field"):
        rows, _, *inner_micros = _flatten(micros)
        _, _, *inner_nanos = _flatten(nanos)
    else:
        return {}
    inner = [sub_microsecond_rows(*pair) for pair in zip(inner_micros, inner_nanos, strict=True)]
    return {row: problem for problems in inner for row, problem in _by_row(rows, problems).items()}


def _decoded(array: pa.Array) -> pa.Array:
    """The array without an extension type, a dictionary, or run-end encoding."""
    if isinstance(array, pa.ExtensionArray):
        array = array.storage
    if pa.types.is_dictionary(array.type):
        return array.dictionary_decode()
    if hasattr(pa, "RunEndEncodedArray") and isinstance(array, pa.RunEndEncodedArray):
        return pc.run_end_decode(array)
    return array


def _value(array: pa.Array, kind: T.DataType) -> tuple[pa.Array, Problems]:
    if pa.types.is_timestamp(array.type) or pa.types.is_duration(array.type):
        micros, problems = _micros(array)
        return micros.cast(arrow_type(kind)), problems
    convert = _CONVERSIONS.get((_family(array.type), type(kind)))
    if convert is not None:
        return convert(array, kind)
    if pa.types.is_binary(array.type) and isinstance(kind, T.StringType):
        return array.cast(pa.string(), safe=False), {}
    return array.cast(arrow_type(kind)), {}


def _micros(array: pa.Array) -> tuple[pa.Array, Problems]:
    """Times or durations as whole microseconds."""
    nanos, values, valid = _NANOS[array.type.unit], _integers(array), _valid(array)
    if nanos < 1000:
        micros, wrong, problem = values // 1000, values % 1000 != 0, TOO_FINE
    else:
        factor = nanos // 1000
        with np.errstate(over="ignore"):
            micros = values * factor
        wrong, problem = (values > _INT64.max // factor) | (values < -(_INT64.max // factor)), TOO_FAR
    return pa.array(micros, mask=wrong | ~valid), dict.fromkeys(np.flatnonzero(wrong & valid).tolist(), problem)


def _family(kind: pa.DataType) -> str:
    """The name of a group of types with the same conversion."""
    if pa.types.is_time(kind):
        return "time"
    if pa.types.is_fixed_size_binary(kind) and not pa.types.is_decimal(kind):
        return f"bytes{kind.byte_width}"
    return "wide" if pa.types.is_decimal256(kind) else str(kind)


def _time_of_day(array: pa.Array, _: T.DataType) -> tuple[pa.Array, Problems]:
    """ISO 8601 without trailing zeros, so that a time's text doesn't depend on its unit."""
    return pc.replace_substring_regex(array.cast(pa.string()), r"\.0+$|(\.\d*[1-9])0+$", r"\1"), {}


def _to_bigint(array: pa.Array, _: T.DataType) -> tuple[pa.Array, Problems]:
    bits = np.asarray(array.view(pa.int64()).fill_null(0))
    wrong = bits < 0  # the first bit is the sign
    problems = dict.fromkeys(np.flatnonzero(wrong).tolist(), "a number beyond bigint")
    return pa.array(bits, mask=wrong | ~_valid(array)), problems


def _to_decimal(array: pa.Array, kind: T.DataType) -> tuple[pa.Array, Problems]:
    assert isinstance(kind, T.DecimalType)
    if array.type.precision <= kind.precision:
        return array.cast(arrow_type(kind)), {}
    limit = decimal.Decimal(10) ** (kind.precision - kind.scale)
    values = array.to_pylist()
    problems = {row: f"a number beyond {kind.simpleString()}" for row, value in enumerate(values)
                if value is not None and abs(value) >= limit}
    valid = [None if row in problems else value for row, value in enumerate(values)]
    return pa.array(valid, arrow_type(kind)), problems


def _to_float(array: pa.Array, _: T.DataType) -> tuple[pa.Array, Problems]:
    values = array.to_numpy(zero_copy_only=False).astype(np.float32)
    return pa.array(values, mask=~_valid(array)), {}


def _texts(format_: Callable[[object], str]) -> Callable[[pa.Array, T.DataType], tuple[pa.Array, Problems]]:
    def convert(array: pa.Array, _: T.DataType) -> tuple[pa.Array, Problems]:
        return pa.array([None if value is None else format_(value) for value in array.to_pylist()], pa.string()), {}

    return convert


def _uuid(value: object) -> str:
    assert isinstance(value, bytes)
    return str(uuid.UUID(bytes=value))


_CONVERSIONS: dict[tuple[str, type[T.DataType]], Callable[[pa.Array, T.DataType], tuple[pa.Array, Problems]]] = {
    ("time", T.StringType): _time_of_day,
    ("uint64", T.LongType): _to_bigint,
    ("wide", T.DecimalType): _to_decimal,
    ("wide", T.StringType): _texts(lambda value: f"{value:f}"),
    ("halffloat", T.FloatType): _to_float,
    ("bytes16", T.StringType): _texts(_uuid),
}


def _integers(array: pa.Array) -> np.ndarray:
    return np.asarray(array.view(pa.int64()).fill_null(0))


def _valid(array: pa.Array) -> np.ndarray:
    return array.is_valid().to_numpy(zero_copy_only=False)


def _by_row(rows: np.ndarray, problems: Problems) -> Problems:
    return {int(rows[index]): problem for index, problem in problems.items()}


def _flatten(array: pa.Array) -> tuple[np.ndarray, pa.Array, pa.Array]:
    """The row of each value in lists, the offsets (null for a null row), and the values."""
    valid = array.drop_null()
    rows, offsets = _offsets(array, np.asarray(pc.list_value_length(valid)))
    return rows, offsets, valid.flatten()


def _flatten_map(array: pa.Array) -> tuple[np.ndarray, pa.Array, pa.Array, pa.Array]:
    """The row of each pair in maps, the offsets (null for a null row), the keys and the values."""
    valid = array.drop_null()
    ends = valid.offsets
    first, count = ends[0].as_py(), ends[-1].as_py() - ends[0].as_py()
    rows, offsets = _offsets(array, np.diff(ends))
    return rows, offsets, valid.keys.slice(first, count), valid.items.slice(first, count)


def _offsets(array: pa.Array, lengths: np.ndarray) -> tuple[np.ndarray, pa.Array]:
    valid = _valid(array)
    sizes = np.zeros(len(array), np.int64)
    sizes[valid] = lengths
    ends = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int32)
    return np.repeat(np.arange(len(array)), sizes), pa.array(ends, mask=np.append(~valid, False))


def _map_array(offsets: pa.Array, keys: pa.Array, items: pa.Array, wrong: Problems) -> pa.Array:
    """A map. Keys may not be null, so those of rejected rows become zero."""
    if wrong:
        zero = decimal.Decimal(0) if pa.types.is_decimal(keys.type) else 0
        keys = pc.fill_null(keys, pa.scalar(zero, keys.type))
    return pa.MapArray.from_arrays(offsets, keys, items)


def _struct(array: pa.Array, kind: T.StructType, logical: pa.DataType) -> tuple[pa.Array, Problems]:
    parts, problems = [], {}
    for number, (values, field) in enumerate(zip(array.flatten(), kind, strict=True)):
        part, wrong = to_spark(values, field.dataType, logical.field(number).type)
        parts.append(part)
        problems.update(wrong)
    fields = [pa.field(field.name, part.type) for field, part in zip(kind, parts, strict=True)]
    return pa.StructArray.from_arrays(parts, fields=fields, mask=array.is_null()), problems
