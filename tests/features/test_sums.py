"""Exact sums of floats, for any order and any partitioning of the rows."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from laketrain.features.sums import describe, tally_of
from laketrain.features.tally import Tally, merge

FLOATS = hnp.arrays(np.float64, st.integers(1, 60), elements=st.floats(allow_nan=False, allow_infinity=False))
MODEST = hnp.arrays(np.float64, st.integers(1, 300), elements=st.floats(-1e6, 1e6))


def merged(*parts: np.ndarray) -> Tally:
    totals: Tally = {}
    for part in parts:
        merge(totals, tally_of(part))
    return totals


@given(FLOATS)
def test_mean_and_extremes_are_those_of_fractions(values: np.ndarray) -> None:
    result = describe(tally_of(values))
    assert result.rows == len(values)
    assert result.mean == float(sum(map(Fraction, values.tolist())) / len(values))
    assert (result.least, result.most) == (values.min(), values.max())


@given(MODEST)
def test_the_deviation_is_that_of_fractions(values: np.ndarray) -> None:
    exact = [Fraction(value) for value in values.tolist()]
    mean = sum(exact) / len(exact)
    variance = sum((value - mean) ** 2 for value in exact) / len(exact)
    assert describe(tally_of(values)).std == pytest.approx(math.sqrt(variance), rel=1e-12, abs=1e-160)


def test_a_small_spread_far_from_zero_is_not_lost() -> None:
    values = 1e15 + np.array([0.0, 1.0, 2.0, 3.0])
    assert describe(tally_of(values)).std == pytest.approx(math.sqrt(1.25), rel=1e-15)


@given(values=FLOATS, cut=st.integers(0, 60), seed=st.integers(0, 9))
def test_parts_have_the_same_sum_in_any_order(values: np.ndarray, cut: int, seed: int) -> None:
    shuffled = np.random.default_rng(seed).permutation(values)
    assert merged(shuffled[:cut], shuffled[cut:]) | {"rows": 0} == merged(values) | {"rows": 0}


@given(MODEST, st.floats(0, 1))
def test_a_quantile_is_within_half_a_percent_of_the_row_at_its_rank(values: np.ndarray, part: float) -> None:
    [result] = describe(tally_of(values), quantiles=[part]).quantiles
    expected = np.sort(values)[int(part * (len(values) - 1))]
    assert result == pytest.approx(expected, rel=0.005, abs=1e-300)


def test_non_finite_values_are_left_out_and_no_rows_have_no_statistics() -> None:
    assert describe(tally_of(np.array([1.0, math.nan, math.inf, 3.0]))).mean == 2.0
    nothing = describe(tally_of(np.array([math.nan])), quantiles=[0.5])
    assert (nothing.rows, math.isnan(nothing.mean), math.isnan(nothing.quantiles[0])) == (0, True, True)


def test_prefixes_keep_columns_apart() -> None:
    totals = tally_of(np.array([1.0, 2.0]), "a ") | tally_of(np.array([5.0]), "b ")
    assert (describe(totals, "a ").mean, describe(totals, "b ").mean) == (1.5, 5.0)
