"""Exact sums, extremes and quantiles of float arrays, as integers that don't depend on the order or cut of parts.

    tally = tally_of(values)                 # of a part
    description = describe(totals)           # Description(rows, mean, std, least, most, quantiles)

Every float64 is mantissa × 2^exponent. Mantissas and their squares are summed as integers by exponent, so mean and
variance are exact but for one rounding at the end. For quantiles, values are counted by sign, exponent and the first 8
bits of the mantissa: within 0.2 % of the value, for numbers of any size.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import accumulate

import numpy as np
import numpy.typing as npt

from laketrain.features.tally import LEAST, MOST, Tally

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

# Sums are in units of 2^-1074, the smallest float64.
_UNIT = 1074
_MANTISSA, _HALF = 53, 27
_AT_ONCE = 1 << _MANTISSA - _HALF
_BUCKET_SHIFT = 44
_BUCKET = "bucket "


@dataclass(frozen=True)
class Description:
    """`quantiles` are in the requested order. All statistics are NaN if there are no rows."""

    rows: int
    mean: float
    std: float
    least: float
    most: float
    quantiles: tuple[float, ...]


def tally_of(values: Floats, prefix: str = "") -> Tally:
    """The tally of (n,) values without NaN and infinities. Every key starts with `prefix`."""
    numbers = np.asarray(values, np.float64)
    numbers = numbers[np.isfinite(numbers)] + 0.0  # -0.0 becomes 0.0
    if not len(numbers):
        return {f"{prefix}rows": 0}
    total, squares = _exact(numbers)
    ordered = _ordered(numbers)
    keys, counts = np.unique(ordered >> _BUCKET_SHIFT, return_counts=True)
    return {f"{prefix}rows": len(numbers), f"{prefix}sum": total, f"{prefix}squares": squares,
            f"{LEAST}{prefix}": int(ordered.min()), f"{MOST}{prefix}": int(ordered.max()),
            **{f"{prefix}{_BUCKET}{key}": int(count) for key, count in zip(keys, counts, strict=True)}}


def describe(totals: Mapping[str, int], prefix: str = "", quantiles: Sequence[float] = ()) -> Description:
    """Statistics from summed tallies. Mean and std (of the population) are exact but for one rounding."""
    rows = totals.get(f"{prefix}rows", 0)
    if not rows:
        return Description(0, math.nan, math.nan, math.nan, math.nan, (math.nan,) * len(quantiles))
    mean = Fraction(totals[f"{prefix}sum"], rows << _UNIT)
    variance = Fraction(totals[f"{prefix}squares"], rows << 2 * _UNIT) - mean * mean
    least, most = (_float(totals[f"{end}{prefix}"]) for end in (LEAST, MOST))
    start = f"{prefix}{_BUCKET}"
    buckets = sorted((int(key[len(start):]), count) for key, count in totals.items() if key.startswith(start))
    values = tuple(min(max(_quantile(buckets, rows, part), least), most) for part in quantiles)
    return Description(rows, float(mean), _root(variance), least, most, values)


def _exact(numbers: Floats) -> tuple[int, int]:
    """The sum in units of 2^-1074, and the sum of squares in units of 2^-2148."""
    parts = [_exact_part(numbers[start:start + _AT_ONCE]) for start in range(0, len(numbers), _AT_ONCE)]
    return sum(total for total, _ in parts), sum(squares for _, squares in parts)


def _exact_part(numbers: Floats) -> tuple[int, int]:
    fractions, exponents = np.frexp(numbers)
    mantissas = np.ldexp(fractions, _MANTISSA).astype(np.int64)
    least = int(exponents.min())
    group = exponents - least
    shifts = range(least - _MANTISSA + _UNIT, int(exponents.max()) - _MANTISSA + _UNIT + 1)
    high, low = mantissas >> _HALF, mantissas & ((1 << _HALF) - 1)
    plain = _by_group(mantissas, group)
    square = [(a << 2 * _HALF) + (b << _HALF + 1) + c for a, b, c in zip(
        *(_by_group(part, group) for part in (high * high, high * low, low * low)), strict=True)]
    # With a negative shift the lost bits are 0: subnormal numbers have none there.
    return (sum(_shifted(value, shift) for value, shift in zip(plain, shifts, strict=True) if value),
            sum(_shifted(value, 2 * shift) for value, shift in zip(square, shifts, strict=True) if value))


def _by_group(values: Ints, group: Ints) -> list[int]:
    """The sum of each group's values. It may need more than 64 bits, so two halves are summed as floats, which hold
    `_AT_ONCE` of them exactly."""
    high, low = values >> _HALF, values & ((1 << _HALF) - 1)
    tops, bottoms = np.bincount(group, high), np.bincount(group, low)
    return [(int(top) << _HALF) + int(bottom) for top, bottom in zip(tops, bottoms, strict=True)]


def _shifted(value: int, shift: int) -> int:
    return value << shift if shift >= 0 else value >> -shift


def _ordered(numbers: Floats) -> Ints:
    """Integers in the same order as the floats."""
    bits = numbers.view(np.int64)
    return np.where(bits < 0, bits ^ np.int64(0x7FFFFFFFFFFFFFFF), bits)


def _float(ordered: int) -> float:
    bits = ordered ^ 0x7FFFFFFFFFFFFFFF if ordered < 0 else ordered
    return float(np.array(bits, np.int64).view(np.float64))


def _quantile(buckets: Sequence[tuple[int, int]], rows: int, part: float) -> float:
    """The middle of the bucket that contains the row of this rank."""
    cumulated = accumulate(count for _, count in buckets)
    key = next(key for (key, _), up_to in zip(buckets, cumulated, strict=True) if up_to > part * (rows - 1))
    return (_float(key << _BUCKET_SHIFT) + _float(((key + 1) << _BUCKET_SHIFT) - 1)) / 2


def _root(variance: Fraction) -> float:
    """`math.sqrt` for numbers too large or too small for a float."""
    if variance <= 0:
        return 0.0
    shift = (variance.numerator.bit_length() - variance.denominator.bit_length()) // 2
    scaled = variance / Fraction(4) ** shift
    return math.ldexp(math.sqrt(scaled), shift)
