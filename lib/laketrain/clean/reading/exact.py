"""Arrow's values in Spark's types, without losing any: what isn't held by the type is named, with its row.

    values, problems = exactly(pa.array([1_001], pa.timestamp("ns")), T.TimestampType())
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
from pyspark.sql.pandas.types import to_arrow_type

Problems = dict[int, str]
"""By the number of a row, what its value has that the type doesn't hold."""

FINE = "digits below a microsecond"
FAR = "a time further away than microseconds count"
_NANOS = {"s": 10**9, "ms": 10**6, "us": 10**3, "ns": 1}
_INT64 = np.iinfo(np.int64)


def exactly(array: pa.Array, kind: T.DataType, meant: pa.DataType | None = None) -> tuple[pa.Array, Problems]:
    """The array in the Arrow type of `kind`, which fits what is stored, and why some of its values are null there.

    Args:
        meant: the type that the values are of, where the array's own may be a bare number's.
    """
    array, meant = _unwrapped(array), array.type if meant is None else meant
    if pa.types.is_null(array.type):
        return pa.nulls(len(array), to_arrow_type(kind)), {}
    if isinstance(kind, T.ArrayType):
        rows, offsets, values = _unrolled(array)
        inner, problems = exactly(values, kind.elementType, meant.value_type)
        return pa.ListArray.from_arrays(offsets, inner), _by_row(rows, problems)
    if isinstance(kind, T.MapType):
        rows, offsets, keys, items = _unrolled_map(array)
        keys, wrong = exactly(keys, kind.keyType, meant.key_type)
        items, problems = exactly(items, kind.valueType, meant.item_type)
        return _mapped(offsets, keys, items, wrong), _by_row(rows, {**wrong, **problems})
    if isinstance(kind, T.StructType):
        return _struct(array, kind, meant)
    return _value(array.view(meant) if pa.types.is_duration(meant) else array, kind)


def below_micros(micros: pa.Array, nanos: pa.Array) -> Problems:
    """Rows whose times have digits below a microsecond: the same times, read in both units. A count of nanoseconds runs
    over in 1677 and 2262, but by its difference to the other, which runs over alike, the digits are told."""
    if pa.types.is_timestamp(micros.type):
        with np.errstate(over="ignore"):
            rest = _integers(nanos) - _integers(micros) * 1000
        return dict.fromkeys(np.flatnonzero((rest != 0) & _valid(micros)).tolist(), FINE)
    if pa.types.is_struct(micros.type):
        parts = zip(micros.flatten(), nanos.flatten(), strict=True)
        return {row: told for one, other in parts for row, told in below_micros(one, other).items()}
    if pa.types.is_map(micros.type):
        rows, _, *one = _unrolled_map(micros)
        _, _, *other = _unrolled_map(nanos)
    elif hasattr(micros.type, "value_field"):
        rows, _, *one = _unrolled(micros)
        _, _, *other = _unrolled(nanos)
    else:
        return {}
    found = [below_micros(first, second) for first, second in zip(one, other, strict=True)]
    return {row: told for problems in found for row, told in _by_row(rows, problems).items()}


def _unwrapped(array: pa.Array) -> pa.Array:
    """Without an extension's name, a dictionary, or runs."""
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
        return micros.cast(to_arrow_type(kind)), problems
    convert = _CONVERTED.get((_family(array.type), type(kind)))
    if convert is not None:
        return convert(array, kind)
    if pa.types.is_binary(array.type) and isinstance(kind, T.StringType):
        return array.cast(pa.string(), safe=False), {}
    return array.cast(to_arrow_type(kind)), {}


def _micros(array: pa.Array) -> tuple[pa.Array, Problems]:
    """Times or spans as whole microseconds."""
    nanos, values, valid = _NANOS[array.type.unit], _integers(array), _valid(array)
    if nanos < 1000:
        micros, wrong, why = values // 1000, values % 1000 != 0, FINE
    else:
        factor = nanos // 1000
        with np.errstate(over="ignore"):
            micros = values * factor
        wrong, why = (values > _INT64.max // factor) | (values < -(_INT64.max // factor)), FAR
    return pa.array(micros, mask=wrong | ~valid), dict.fromkeys(np.flatnonzero(wrong & valid).tolist(), why)


def _family(kind: pa.DataType) -> str:
    """Types that are converted alike, by one name."""
    if pa.types.is_time(kind):
        return "time"
    if pa.types.is_fixed_size_binary(kind) and not pa.types.is_decimal(kind):
        return f"bytes{kind.byte_width}"
    return "wide" if pa.types.is_decimal256(kind) else str(kind)


def _time_of_day(array: pa.Array, _: T.DataType) -> tuple[pa.Array, Problems]:
    """ISO 8601, without zeros at the end: a time is the same text whatever its unit."""
    return pc.replace_substring_regex(array.cast(pa.string()), r"\.0+$|(\.\d*[1-9])0+$", r"\1"), {}


def _to_bigint(array: pa.Array, _: T.DataType) -> tuple[pa.Array, Problems]:
    bits = np.asarray(array.view(pa.int64()).fill_null(0))
    wrong = bits < 0  # the first bit is the sign's
    problems = dict.fromkeys(np.flatnonzero(wrong).tolist(), "a number beyond bigint")
    return pa.array(bits, mask=wrong | ~_valid(array)), problems


def _to_decimal(array: pa.Array, kind: T.DataType) -> tuple[pa.Array, Problems]:
    assert isinstance(kind, T.DecimalType)
    if array.type.precision <= kind.precision:
        return array.cast(to_arrow_type(kind)), {}
    most = decimal.Decimal(10) ** (kind.precision - kind.scale)
    values = array.to_pylist()
    problems = {row: f"a number beyond {kind.simpleString()}" for row, value in enumerate(values)
                if value is not None and abs(value) >= most}
    kept = [None if row in problems else value for row, value in enumerate(values)]
    return pa.array(kept, to_arrow_type(kind)), problems


def _to_float(array: pa.Array, _: T.DataType) -> tuple[pa.Array, Problems]:
    values = array.to_numpy(zero_copy_only=False).astype(np.float32)
    return pa.array(values, mask=~_valid(array)), {}


def _texts(said: Callable[[object], str]) -> Callable[[pa.Array, T.DataType], tuple[pa.Array, Problems]]:
    def convert(array: pa.Array, _: T.DataType) -> tuple[pa.Array, Problems]:
        return pa.array([None if value is None else said(value) for value in array.to_pylist()], pa.string()), {}

    return convert


def _uuid(value: object) -> str:
    assert isinstance(value, bytes)
    return str(uuid.UUID(bytes=value))


_CONVERTED: dict[tuple[str, type[T.DataType]], Callable[[pa.Array, T.DataType], tuple[pa.Array, Problems]]] = {
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
    return {int(rows[place]): told for place, told in problems.items()}


def _unrolled(array: pa.Array) -> tuple[np.ndarray, pa.Array, pa.Array]:
    """Of lists: the row of each value, the offsets, null for a null row, and the values."""
    there = array.drop_null()
    rows, offsets = _offsets(array, np.asarray(pc.list_value_length(there)))
    return rows, offsets, there.flatten()


def _unrolled_map(array: pa.Array) -> tuple[np.ndarray, pa.Array, pa.Array, pa.Array]:
    """The same of maps, with keys and values."""
    there = array.drop_null()
    ends = there.offsets
    first, count = ends[0].as_py(), ends[-1].as_py() - ends[0].as_py()
    rows, offsets = _offsets(array, np.diff(ends))
    return rows, offsets, there.keys.slice(first, count), there.items.slice(first, count)


def _offsets(array: pa.Array, lengths: np.ndarray) -> tuple[np.ndarray, pa.Array]:
    valid = _valid(array)
    sizes = np.zeros(len(array), np.int64)
    sizes[valid] = lengths
    ends = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int32)
    return np.repeat(np.arange(len(array)), sizes), pa.array(ends, mask=np.append(~valid, False))


def _mapped(offsets: pa.Array, keys: pa.Array, items: pa.Array, wrong: Problems) -> pa.Array:
    """A map, whose keys are never null: those that aren't held belong to rows that are refused."""
    if wrong:
        zero = decimal.Decimal(0) if pa.types.is_decimal(keys.type) else 0
        keys = pc.fill_null(keys, pa.scalar(zero, keys.type))
    return pa.MapArray.from_arrays(offsets, keys, items)


def _struct(array: pa.Array, kind: T.StructType, meant: pa.DataType) -> tuple[pa.Array, Problems]:
    parts, problems = [], {}
    for number, (values, field) in enumerate(zip(array.flatten(), kind, strict=True)):
        part, wrong = exactly(values, field.dataType, meant.field(number).type)
        parts.append(part)
        problems.update(wrong)
    fields = [pa.field(field.name, part.type) for field, part in zip(kind, parts, strict=True)]
    return pa.StructArray.from_arrays(parts, fields=fields, mask=array.is_null()), problems
