"""Statistics of numbers equal NumPy's, however the rows are partitioned."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from laketrain.profile.histogram import NumberCounts, bin_counts, bin_values, summarize
from laketrain.profile.model import QUANTILES, Numbers

ANY = hnp.arrays(np.float64, st.integers(0, 80), elements=st.floats(width=64))
MODEST = hnp.arrays(np.float64, st.integers(1, 300), elements=st.floats(-1e6, 1e6))
WHOLE = hnp.arrays(np.float64, st.integers(1, 300), elements=st.integers(-5000, 5000).map(float))


def summary_of(*parts: np.ndarray, limit: int = 1000, step: int = 0, earlier: list[float] | None = None) -> Numbers:
    """The statistics of all parts, each counted apart, sent as JSON and merged; with the second pass where needed."""
    total = NumberCounts(limit)
    for part in parts:
        counts = NumberCounts(limit)
        for batch in np.array_split(part, 2):
            counts.add(batch)
        total.merge(NumberCounts.from_json(json.loads(json.dumps(counts.to_json()))))
    edges, values = total.edges(step), np.concatenate(parts)
    old = np.array(earlier) if earlier else None
    if total.counts is not None:
        fine = bin_counts(total, edges) if len(edges) else None
        return summarize(total, fine, step, None if old is None else bin_counts(total, old))
    return summarize(total, bin_values(values, edges), step, None if old is None else bin_values(values, old))


@pytest.mark.parametrize("limit", [1000, 3], ids=["counted one by one", "too many to count"])
@given(values=ANY)
def test_counts_and_ends_are_numpys(limit: int, values: np.ndarray) -> None:
    summary, finite = summary_of(values, limit=limit), values[np.isfinite(values)]
    assert (summary.count, summary.nan, summary.infinite) == (
        len(finite), np.isnan(values).sum(), np.isinf(values).sum())
    assert (summary.zeros, summary.negative) == ((finite == 0).sum(), (finite < 0).sum())
    assert (summary.least, summary.most) == ((finite.min(), finite.max()) if len(finite) else (None, None))
    assert summary.histogram is None or sum(summary.histogram.counts) == len(finite)


@pytest.mark.parametrize("limit", [1000, 3], ids=["counted one by one", "too many to count"])
@given(values=MODEST)
def test_mean_and_deviation_are_numpys(limit: int, values: np.ndarray) -> None:
    summary = summary_of(values, limit=limit)
    assert summary.mean == pytest.approx(np.mean(values), rel=1e-9, abs=1e-9)
    assert summary.std == pytest.approx(np.std(values), rel=1e-6, abs=1e-6)


@given(values=MODEST)
def test_quantiles_of_few_distinct_numbers_are_numpys(values: np.ndarray) -> None:
    summary = summary_of(values)
    assert summary.exact
    expected = np.quantile(values, QUANTILES).tolist()
    assert list(summary.quantiles.values()) == pytest.approx(expected, rel=1e-12, abs=1e-9)


@given(values=MODEST)
def test_quantiles_of_many_are_as_near_as_is_promised(values: np.ndarray) -> None:
    summary, ordered = summary_of(values, limit=3), np.sort(values)
    for part, value in zip(QUANTILES, summary.quantiles.values(), strict=True):
        row = ordered[int(np.floor(part * (len(values) - 1) + 1e-12))]
        near = min(0.002 * abs(row), np.ptp(values) / 2000)
        assert abs(value - row) <= near + 1e-9 or summary.exact


def test_a_quantile_far_from_zero_is_as_near_as_one_at_it() -> None:
    values = 1e6 + np.random.default_rng(0).normal(size=5000)
    assert summary_of(values).quantiles["0.5"] == pytest.approx(np.median(values), abs=np.ptp(values) / 2000)


def test_a_quantile_of_a_long_tail_is_not_lost_in_its_range() -> None:
    values = np.random.default_rng(0).lognormal(0, 4, 20_000)
    assert summary_of(values).quantiles["0.5"] == pytest.approx(np.median(values), rel=0.003)


@given(values=ANY, cut=st.integers(0, 80), seed=st.integers(0, 9), limit=st.sampled_from([1000, 5]))
def test_parts_in_any_order_and_cut_give_the_same(values: np.ndarray, cut: int, seed: int, limit: int) -> None:
    shuffled = np.random.default_rng(seed).permutation(values)
    assert summary_of(shuffled[:cut], shuffled[cut:], limit=limit) == summary_of(values, limit=limit)


@given(values=MODEST)
def test_a_histogram_is_numpys_on_its_own_edges(values: np.ndarray) -> None:
    for limit in (1000, 3):
        histogram = summary_of(values, limit=limit).histogram
        assert histogram is not None
        if len(histogram.edges) > 2:
            assert histogram.counts == np.histogram(values, histogram.edges)[0].tolist()
        assert (histogram.edges[0], histogram.edges[-1]) == (values.min(), values.max())


@given(values=WHOLE)
def test_intervals_of_whole_numbers_hold_equally_many_of_them(values: np.ndarray) -> None:
    histogram = summary_of(values, step=1).histogram
    assert histogram is not None and sum(histogram.counts) == len(values)
    widths = set(np.diff(histogram.edges).round(6))
    assert len(widths) == 1 and all(width == int(width) for width in widths) and len(histogram.counts) <= 40


@given(values=WHOLE)
def test_quantiles_of_whole_numbers_are_whole_where_they_are_estimates(values: np.ndarray) -> None:
    summary = summary_of(values, limit=3, step=1)
    assert summary.exact or all(value == int(value) for value in summary.quantiles.values())


@given(values=MODEST, edges=st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=20, unique=True).map(sorted))
def test_numbers_are_counted_on_the_edges_of_an_earlier_profile(values: np.ndarray, edges: list[float]) -> None:
    inside = np.histogram(values, edges)[0].tolist()
    expected = [(values < edges[0]).sum(), *inside, (values > edges[-1]).sum()]
    for limit in (1000, 3):
        assert summary_of(values, limit=limit, earlier=edges).earlier == expected


@pytest.mark.parametrize("limit", [1000, 1])
def test_the_largest_numbers_of_all_do_not_break_it(limit: int) -> None:
    summary = summary_of(np.array([-1.7e308, 1.7e308, 0.0, 5e-324]), limit=limit)
    assert (summary.least, summary.most, summary.count) == (-1.7e308, 1.7e308, 4)
    assert summary.histogram is not None and sum(summary.histogram.counts) == 4


def test_a_constant_has_one_interval() -> None:
    summary = summary_of(np.full(7, 3.25))
    assert summary.histogram is not None
    assert (summary.histogram.edges, summary.histogram.counts, summary.std) == ([3.25, 3.25], [7], 0.0)
