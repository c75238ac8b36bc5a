"""Numbers of any spread: what is said of them is what NumPy says of all, however they were cut."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from laketrain.profile.model import QUANTILES, Numbers
from laketrain.profile.series import Series, binned, numbers_of, spread

ANY = hnp.arrays(np.float64, st.integers(0, 80), elements=st.floats(width=64))
MODEST = hnp.arrays(np.float64, st.integers(1, 300), elements=st.floats(-1e6, 1e6))
WHOLE = hnp.arrays(np.float64, st.integers(1, 300), elements=st.integers(-5000, 5000).map(float))


def told(*parts: np.ndarray, most: int = 1000, step: int = 0, earlier: list[float] | None = None) -> Numbers:
    """What is said of all parts, each tallied apart, sent as JSON and merged; the second look where it is needed."""
    all_of = Series(most)
    for part in parts:
        one = Series(most)
        for batch in np.array_split(part, 2):
            one.add(batch)
        all_of.merge(Series.from_json(json.loads(json.dumps(one.to_json()))))
    edges, values = all_of.edges(step), np.concatenate(parts)
    old = np.array(earlier) if earlier else None
    if all_of.counts is not None:
        fine = spread(all_of, edges) if len(edges) else None
        return numbers_of(all_of, fine, step, None if old is None else spread(all_of, old))
    return numbers_of(all_of, binned(values, edges), step, None if old is None else binned(values, old))


@pytest.mark.parametrize("most", [1000, 3], ids=["counted one by one", "too many to count"])
@given(values=ANY)
def test_counts_and_ends_are_numpys(most: int, values: np.ndarray) -> None:
    found, finite = told(values, most=most), values[np.isfinite(values)]
    assert (found.count, found.nan, found.infinite) == (
        len(finite), np.isnan(values).sum(), np.isinf(values).sum())
    assert (found.zeros, found.negative) == ((finite == 0).sum(), (finite < 0).sum())
    assert (found.least, found.most) == ((finite.min(), finite.max()) if len(finite) else (None, None))
    assert found.histogram is None or sum(found.histogram.counts) == len(finite)


@pytest.mark.parametrize("most", [1000, 3], ids=["counted one by one", "too many to count"])
@given(values=MODEST)
def test_mean_and_deviation_are_numpys(most: int, values: np.ndarray) -> None:
    found = told(values, most=most)
    assert found.mean == pytest.approx(np.mean(values), rel=1e-9, abs=1e-9)
    assert found.std == pytest.approx(np.std(values), rel=1e-6, abs=1e-6)


@given(values=MODEST)
def test_quantiles_of_few_distinct_numbers_are_numpys(values: np.ndarray) -> None:
    found = told(values)
    assert found.exact
    assert list(found.quantiles.values()) == pytest.approx(np.quantile(values, QUANTILES).tolist(), rel=1e-12, abs=1e-9)


@given(values=MODEST)
def test_quantiles_of_many_are_as_near_as_is_promised(values: np.ndarray) -> None:
    found, ordered = told(values, most=3), np.sort(values)
    for part, value in zip(QUANTILES, found.quantiles.values(), strict=True):
        row = ordered[int(np.floor(part * (len(values) - 1) + 1e-12))]
        near = min(0.002 * abs(row), np.ptp(values) / 2000)
        assert abs(value - row) <= near + 1e-9 or found.exact


def test_a_quantile_far_from_zero_is_as_near_as_one_at_it() -> None:
    values = 1e6 + np.random.default_rng(0).normal(size=5000)
    assert told(values).quantiles["0.5"] == pytest.approx(np.median(values), abs=np.ptp(values) / 2000)


def test_a_quantile_of_a_long_tail_is_not_lost_in_its_range() -> None:
    values = np.random.default_rng(0).lognormal(0, 4, 20_000)
    assert told(values).quantiles["0.5"] == pytest.approx(np.median(values), rel=0.003)


@given(values=ANY, cut=st.integers(0, 80), seed=st.integers(0, 9), most=st.sampled_from([1000, 5]))
def test_parts_in_any_order_and_cut_say_the_same(values: np.ndarray, cut: int, seed: int, most: int) -> None:
    shuffled = np.random.default_rng(seed).permutation(values)
    assert told(shuffled[:cut], shuffled[cut:], most=most) == told(values, most=most)


@given(values=MODEST)
def test_a_histogram_is_numpys_on_its_own_edges(values: np.ndarray) -> None:
    for most in (1000, 3):
        histogram = told(values, most=most).histogram
        assert histogram is not None
        if len(histogram.edges) > 2:
            assert histogram.counts == np.histogram(values, histogram.edges)[0].tolist()
        assert (histogram.edges[0], histogram.edges[-1]) == (values.min(), values.max())


@given(values=WHOLE)
def test_intervals_of_whole_numbers_hold_equally_many_of_them(values: np.ndarray) -> None:
    histogram = told(values, step=1).histogram
    assert histogram is not None and sum(histogram.counts) == len(values)
    widths = set(np.diff(histogram.edges).round(6))
    assert len(widths) == 1 and all(width == int(width) for width in widths) and len(histogram.counts) <= 40


@given(values=WHOLE)
def test_quantiles_of_whole_numbers_are_whole_where_they_are_estimates(values: np.ndarray) -> None:
    found = told(values, most=3, step=1)
    assert found.exact or all(value == int(value) for value in found.quantiles.values())


@given(values=MODEST, edges=st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=20, unique=True).map(sorted))
def test_numbers_are_counted_on_the_edges_of_an_earlier_profile(values: np.ndarray, edges: list[float]) -> None:
    inside = np.histogram(values, edges)[0].tolist()
    expected = [(values < edges[0]).sum(), *inside, (values > edges[-1]).sum()]
    for most in (1000, 3):
        assert told(values, most=most, earlier=edges).earlier == expected


@pytest.mark.parametrize("most", [1000, 1])
def test_the_largest_numbers_of_all_do_not_break_it(most: int) -> None:
    found = told(np.array([-1.7e308, 1.7e308, 0.0, 5e-324]), most=most)
    assert (found.least, found.most, found.count) == (-1.7e308, 1.7e308, 4)
    assert found.histogram is not None and sum(found.histogram.counts) == 4


def test_a_constant_has_one_interval() -> None:
    found = told(np.full(7, 3.25))
    assert found.histogram is not None
    assert (found.histogram.edges, found.histogram.counts, found.std) == ([3.25, 3.25], [7], 0.0)
