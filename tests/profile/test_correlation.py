"""Correlations are pandas', over the rows that both have, and the same however the rows were cut."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from laketrain.profile.correlation import PairSums, quantize

TABLES = hnp.arrays(np.float64, st.tuples(st.integers(1, 60), st.just(3)),
                    elements=st.one_of(st.floats(-1000, 1000), st.just(float("nan"))))


def pairs_of(*parts: np.ndarray) -> PairSums:
    all_of = np.concatenate(parts)
    least, most = np.nanmin(all_of, axis=0), np.nanmax(all_of, axis=0)
    result = PairSums(all_of.shape[1])
    for part in parts:
        sums = PairSums(all_of.shape[1])
        sums.add(quantize(part, (least + most) / 2, np.where(most > least, (most - least) / 2, 1.0)))
        result.merge(PairSums.from_json(json.loads(json.dumps(sums.to_json()))))
    return result


def test_they_are_those_of_pandas_also_where_numbers_are_missing() -> None:
    random = np.random.default_rng(1)
    values = random.normal(size=(10_000, 5)) @ random.normal(size=(5, 5)) + 1e4
    values[:, 4] = np.exp(values[:, 4] - 1e4)
    values[random.random(values.shape) < 0.2] = np.nan
    expected = pd.DataFrame(values).corr().to_numpy()
    assert np.array(pairs_of(values[:7000], values[7000:]).r) == pytest.approx(expected, abs=1e-5)


@given(TABLES, st.integers(0, 60), st.integers(0, 5))
def test_parts_in_any_order_and_cut_give_the_same(values: np.ndarray, cut: int, seed: int) -> None:
    values[0] = 0.0  # each column has a number
    shuffled = np.random.default_rng(seed).permutation(values)
    assert pairs_of(shuffled[:cut], shuffled[cut:]).r == pairs_of(values).r


@pytest.mark.parametrize("pair", [[(1.0, 2.0), (1.0, 3.0)], [(1.0, np.nan), (np.nan, 3.0)], [(1.0, 2.0)]])
def test_what_does_not_vary_together_has_none(pair: list[tuple[float, float]]) -> None:
    assert pairs_of(np.array(pair)).r[0][1] is None


def test_infinities_count_as_missing() -> None:
    values = np.array([[1.0, 2.0], [2.0, 4.0], [np.inf, 1.0], [3.0, 6.0]])
    [first, _] = np.nanmax(np.where(np.isinf(values), np.nan, values), axis=0)
    pairs = PairSums(2)
    pairs.add(quantize(values, np.array([2.0, 3.5]), np.array([first, 2.5])))
    assert pairs.r[0][1] == pytest.approx(1.0, abs=1e-9)
