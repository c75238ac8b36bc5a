"""Shared by numeric kinds: columns as floats, and scaling with statistics of the train split.

    values = numbers_of(column)                               # (n,) float64, NaN for null
    scale = Scale.fit("standard", totals, width=k)            # from the summed `tally_numbers` of the train split
    scale.apply(values), scale.undo(scaled)
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import BaseModel, BeforeValidator, ConfigDict

from laketrain.features.base import Feature, Storage, nulls, reasons
from laketrain.features.sums import describe, tally_of
from laketrain.features.tally import Tally

Floats = npt.NDArray[np.float64]
_MOST = float(np.finfo(np.float32).max)
Scaling = Literal["none", "standard", "minmax", "robust", "log"]


def as_tuple(value: Any) -> Any:
    """A list of YAML or JSON as a tuple."""
    return tuple(value) if isinstance(value, list) else value


FloatTuple = Annotated[tuple[float, ...], BeforeValidator(as_tuple)]


class ScalarNumber(Feature):
    """Base of kinds with one number a row. Parquet stores it unchanged, NaN if it is missing."""

    @property
    def arrow_type(self) -> pa.DataType:
        return pa.float64()

    def storage(self, name: str) -> Storage:
        return Storage(name, "float64", (), self.codec)

    def pack(self, column: pa.Array) -> pa.Array:
        return pa.array(numbers_of(column))


class Scale(BaseModel):
    """Scales each of a row's k numbers: (x - offset) / divisor, of the logarithm for `log`.

    `middle` are the medians and `mean` the means, in the column's units; missing numbers can be filled with them.
    """

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    kind: Scaling
    offset: FloatTuple
    divisor: FloatTuple
    mean: FloatTuple
    middle: FloatTuple

    @classmethod
    def fit(cls, kind: Scaling, totals: Mapping[str, int], width: int) -> Scale:
        """From summed tallies. A constant number is shifted, and its divisor is 1."""
        columns = [describe(totals, f"{index} ", quantiles=(0.25, 0.5, 0.75)) for index in range(width)]
        offsets, divisors = [], []
        for column in columns:
            low, median, high = column.quantiles
            offset, divisor = {"standard": (column.mean, column.std), "robust": (median, high - low),
                               "minmax": (column.least, column.most - column.least)}.get(kind, (0.0, 1.0))
            offsets.append(offset if column.rows else 0.0)
            divisors.append(divisor if column.rows and divisor > 0 else 1.0)
        return cls(kind=kind, offset=tuple(offsets), divisor=tuple(divisors),
                   mean=tuple(column.mean if column.rows else 0.0 for column in columns),
                   middle=tuple(column.quantiles[1] if column.rows else 0.0 for column in columns))

    def apply(self, values: Floats) -> Floats:
        """Scales (…, k) in the column's units. Results are clipped to the range of float32."""
        logs = np.sign(values) * np.log1p(np.abs(values)) if self.kind == "log" else values
        scaled = (logs - np.array(self.offset)) / np.array(self.divisor)
        return np.asarray(np.clip(scaled, -_MOST, _MOST))

    def undo(self, scaled: npt.NDArray[Any]) -> Floats:
        """The inverse of `apply`: (…, k) in the column's units."""
        logs = np.asarray(scaled, np.float64) * np.array(self.divisor) + np.array(self.offset)
        return np.asarray(np.sign(logs) * np.expm1(np.abs(logs))) if self.kind == "log" else logs


def tally_numbers(values: Floats) -> Tally:
    """The tally of each column of (n, k) numbers."""
    return {key: count for index in range(values.shape[1])
            for key, count in tally_of(values[:, index], f"{index} ").items()}


def is_numeric(kind: pa.DataType) -> bool:
    """Whether a column's values are numbers, decimals or booleans."""
    return (pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)
            or pa.types.is_boolean(kind))


def numbers_of(column: pa.Array) -> Floats:
    """(n,) float64 of a column of numbers; NaN for null."""
    kind = column.type
    plain = column.cast(pa.int8()) if pa.types.is_boolean(kind) else column
    return np.asarray(plain.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False), np.float64)


def check_numbers(feature: Feature, column: pa.Array, missing: bool) -> pa.Array:
    """Reasons for null and NaN unless `missing`, and for infinite and too large numbers.

    Raises:
        DataError: the column isn't numeric.
    """
    if not is_numeric(column.type):
        raise feature.wrong_type(column, "numbers")
    values = numbers_of(column)
    empty = nulls(column)
    none = np.zeros(len(column), np.bool_)
    return reasons(len(column), (none if missing else empty, "is null"),
                   (none if missing else np.isnan(values) & ~empty, "is not a number (NaN)"),
                   (np.isinf(values), "is infinite"), (too_large(values), "is too large for float32"))


def too_large(values: Floats) -> npt.NDArray[np.bool_]:
    """True for finite numbers that would be infinite in float32."""
    return np.isfinite(values) & (np.abs(values) > _MOST)


def flat_values(feature: Feature, column: pa.Array) -> tuple[npt.NDArray[np.int64], pa.Array]:
    """(n,) numbers a row of a column of (nested) arrays, and all numbers, flat. Raises DataError for its type."""
    if not _is_list(column.type):
        raise feature.wrong_type(column, "arrays of numbers")
    lengths, values = _lengths(column), pc.list_flatten(column)
    if _is_list(values.type):
        inner, flat = flat_values(feature, values)
        ends = np.concatenate([[0], np.cumsum(inner)])
        bounds = np.concatenate([[0], np.cumsum(lengths)])
        return ends[bounds[1:]] - ends[bounds[:-1]], flat
    if not is_numeric(values.type):
        raise feature.wrong_type(column, "arrays of numbers")
    return lengths, values


def uneven(column: pa.Array, width: int | None = None) -> npt.NDArray[np.bool_]:
    """(n,) True for rows of nested arrays in which an inner array is null, or doesn't have `width` numbers (without
    `width`: as many as the row's first one). Always False for flat arrays."""
    broken = np.zeros(len(column), np.bool_)
    if not _is_list(column.type.value_type):
        return broken
    row, arrays = np.repeat(np.arange(len(column)), _lengths(column)), pc.list_flatten(column)
    part = np.arange(len(arrays))  # index in `arrays` of each deeper array
    deeper = arrays
    while True:
        broken |= _rows(row[part], nulls(deeper), len(column))
        if not _is_list(deeper.type.value_type):
            break
        part, deeper = np.repeat(part, _lengths(deeper)), pc.list_flatten(deeper)
    sizes = np.bincount(part, _lengths(deeper), len(arrays)).astype(np.int64)
    expected = np.full(len(column), width or 0, np.int64)
    if width is None:
        expected[row[::-1]] = sizes[::-1]
    return broken | _rows(row, sizes != expected[row], len(column))


def check_arrays(feature: Feature, column: pa.Array, size: int, text: str, width: int | None = None) -> pa.Array:
    """Reasons of a column of arrays that must have `size` finite numbers a row, described as `text`. Inner arrays must
    have `width` numbers each, or equally many."""
    lengths, flat = flat_values(feature, column)
    values = numbers_of(flat)
    row = np.repeat(np.arange(len(column)), lengths)
    counted = pc.binary_join_element_wise("has ", pa.array(lengths).cast(pa.string()), f" numbers, expected {text}", "")
    return reasons(len(column), (nulls(column), "is null"), (lengths != size, counted),
                   (uneven(column, width), f"has a null or uneven array within, expected {text}"),
                   (_rows(row, np.isnan(values), len(column)), "has a null or NaN among its numbers"),
                   (_rows(row, np.isinf(values), len(column)), "has an infinite number"),
                   (_rows(row, too_large(values), len(column)), "has a number too large for float32"))


def arrays_of(feature: Feature, column: pa.Array, shape: tuple[int, ...]) -> Floats:
    """(n, *shape) float64 of a column of arrays that `check_arrays` accepts."""
    _, flat = flat_values(feature, column)
    return numbers_of(flat).reshape(len(column), *shape)


def _lengths(column: pa.Array) -> npt.NDArray[np.int64]:
    """(n,) lengths of a column of arrays; 0 for null."""
    return np.asarray(pc.fill_null(pc.list_value_length(column), 0), np.int64)


def _rows(row: npt.NDArray[np.int64], marked: npt.NDArray[np.bool_], rows: int) -> npt.NDArray[np.bool_]:
    result = np.zeros(rows, np.bool_)
    result[row[marked]] = True
    return result


def _is_list(kind: pa.DataType) -> bool:
    return pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)
