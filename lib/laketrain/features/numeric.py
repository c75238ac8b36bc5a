"""What the numeric kinds share: a column as floats, its scaling by what the train split taught, and back.

    values = numbers_of(column)                               # (n, k) float64, NaN where nothing is
    scale = Scale.fit("standard", totals, width=k)         # from the summed `tally_numbers` of the train split
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
    """YAML and JSON know lists only."""
    return tuple(value) if isinstance(value, list) else value


FloatTuple = Annotated[tuple[float, ...], BeforeValidator(as_tuple)]


class ScalarNumber(Feature):
    """What the kinds of one number a row share: Parquet holds it as it came, NaN where it is missing."""

    @property
    def arrow_type(self) -> pa.DataType:
        return pa.float64()

    def storage(self, name: str) -> Storage:
        return Storage(name, "float64", (), self.codec)

    def pack(self, column: pa.Array) -> pa.Array:
        return pa.array(numbers_of(column))


class Scale(BaseModel):
    """How each of the k numbers of a row is scaled: (x - offset) / divisor, after the logarithm where that is asked.

    `middle` are the medians, `mean` the means, with which missing numbers can be filled, in the column's own units.
    """

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    kind: Scaling
    offset: FloatTuple
    divisor: FloatTuple
    mean: FloatTuple
    middle: FloatTuple

    @classmethod
    def fit(cls, kind: Scaling, totals: Mapping[str, int], width: int) -> Scale:
        """From tallies; a number that never varies is only shifted, never divided by zero."""
        found = [describe(totals, f"{index} ", quantiles=(0.25, 0.5, 0.75)) for index in range(width)]
        offsets, divisors = [], []
        for one in found:
            quarter, middle, last = one.quantiles
            offset, divisor = {"standard": (one.mean, one.std), "minmax": (one.least, one.most - one.least),
                               "robust": (middle, last - quarter)}.get(kind, (0.0, 1.0))
            offsets.append(offset if one.rows else 0.0)
            divisors.append(divisor if one.rows and divisor > 0 else 1.0)
        return cls(kind=kind, offset=tuple(offsets), divisor=tuple(divisors),
                   mean=tuple(one.mean if one.rows else 0.0 for one in found),
                   middle=tuple(one.quantiles[1] if one.rows else 0.0 for one in found))

    def apply(self, values: Floats) -> Floats:
        """(…, k) in the column's units, scaled; what a tiny divisor would make infinite in float32 is the largest."""
        seen = np.sign(values) * np.log1p(np.abs(values)) if self.kind == "log" else values
        scaled = (seen - np.array(self.offset)) / np.array(self.divisor)
        return np.asarray(np.clip(scaled, -_MOST, _MOST))

    def undo(self, scaled: npt.NDArray[Any]) -> Floats:
        """(…, k) back in the column's units."""
        seen = np.asarray(scaled, np.float64) * np.array(self.divisor) + np.array(self.offset)
        return np.asarray(np.sign(seen) * np.expm1(np.abs(seen))) if self.kind == "log" else seen


def tally_numbers(values: Floats) -> Tally:
    """Of (n, k) numbers, each of the k apart."""
    return {key: count for index in range(values.shape[1])
            for key, count in tally_of(values[:, index], f"{index} ").items()}


def is_numeric(kind: pa.DataType) -> bool:
    """Whether a column's values are numbers: also decimals and booleans."""
    return (pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)
            or pa.types.is_boolean(kind))


def numbers_of(column: pa.Array) -> Floats:
    """(n,) of a plain column; NaN where it is null."""
    kind = column.type
    plain = column.cast(pa.int8()) if pa.types.is_boolean(kind) else column
    return np.asarray(plain.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False), np.float64)


def check_numbers(feature: Feature, column: pa.Array, missing: bool) -> pa.Array:
    """The reasons of a plain column: null or NaN unless `missing`, infinite always. Raises DataError for its type."""
    if not is_numeric(column.type):
        raise feature.wrong_type(column, "numbers")
    values = numbers_of(column)
    empty = nulls(column)
    none = np.zeros(len(column), np.bool_)
    return reasons(len(column), (none if missing else empty, "is null"),
                   (none if missing else np.isnan(values) & ~empty, "is not a number (NaN)"),
                   (np.isinf(values), "is infinite"), (too_large(values), "is beyond what float32 holds"))


def too_large(values: Floats) -> npt.NDArray[np.bool_]:
    """Where a finite number would become an infinite float32."""
    return np.isfinite(values) & (np.abs(values) > _MOST)


def flat_values(feature: Feature, column: pa.Array) -> tuple[npt.NDArray[np.int64], pa.Array]:
    """How many numbers each row of a column of (nested) arrays has, and all of them. Raises DataError for its type."""
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
    """(n,) True where a row of arrays within an array has a null in the place of one, or one that holds other than
    `width` numbers; without `width`, other than the row's first one. Flat arrays have none within."""
    broken = np.zeros(len(column), np.bool_)
    if not _is_list(column.type.value_type):
        return broken
    row, arrays = np.repeat(np.arange(len(column)), _lengths(column)), pc.list_flatten(column)
    part = np.arange(len(arrays))  # in which of them each deeper array lies
    deeper = arrays
    while True:
        broken |= _rows(row[part], nulls(deeper), len(column))
        if not _is_list(deeper.type.value_type):
            break
        part, deeper = np.repeat(part, _lengths(deeper)), pc.list_flatten(deeper)
    sizes = np.bincount(part, _lengths(deeper), len(arrays)).astype(np.int64)
    wanted = np.full(len(column), width or 0, np.int64)
    if width is None:
        wanted[row[::-1]] = sizes[::-1]
    return broken | _rows(row, sizes != wanted[row], len(column))


def check_arrays(feature: Feature, column: pa.Array, size: int, said: str, width: int | None = None) -> pa.Array:
    """The reasons of a column of arrays that shall hold `size` finite numbers a row, which people read as `said`; in
    arrays of arrays `width` each, or all alike."""
    lengths, flat = flat_values(feature, column)
    values = numbers_of(flat)
    row = np.repeat(np.arange(len(column)), lengths)
    counted = pc.binary_join_element_wise("has ", pa.array(lengths).cast(pa.string()), f" numbers, expected {said}", "")
    return reasons(len(column), (nulls(column), "is null"), (lengths != size, counted),
                   (uneven(column, width), f"has a null or uneven array within, expected {said}"),
                   (_rows(row, np.isnan(values), len(column)), "has a null or NaN among its numbers"),
                   (_rows(row, np.isinf(values), len(column)), "has an infinite number"),
                   (_rows(row, too_large(values), len(column)), "has a number beyond what float32 holds"))


def arrays_of(feature: Feature, column: pa.Array, shape: tuple[int, ...]) -> Floats:
    """(n, *shape) of a column of arrays that `check_arrays` has passed."""
    _, flat = flat_values(feature, column)
    return numbers_of(flat).reshape(len(column), *shape)


def _lengths(column: pa.Array) -> npt.NDArray[np.int64]:
    """(n,) of a column of arrays; 0 where it is null."""
    return np.asarray(pc.fill_null(pc.list_value_length(column), 0), np.int64)


def _rows(row: npt.NDArray[np.int64], marked: npt.NDArray[np.bool_], rows: int) -> npt.NDArray[np.bool_]:
    found = np.zeros(rows, np.bool_)
    found[row[marked]] = True
    return found


def _is_list(kind: pa.DataType) -> bool:
    return pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)
