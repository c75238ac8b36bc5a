"""The arithmetic of scaling: the fit recovers the costs, and projections equal a calculation by hand."""

from __future__ import annotations

import json

import pytest
from benchmarks.scaling import MORE_RANKS, NETWORKS, SIZES, Cost, Measured, compare, efficiency, fit
from hypothesis import given
from hypothesis import strategies as st


def parent_fields(cost: Cost) -> list[Measured]:
    return [Measured(ranks, size, cost.seconds(ranks, size)) for ranks in (1, 2, 3, 4) for size in SIZES]


@given(alpha=st.floats(1e-6, 1e-2), beta=st.floats(1e7, 1e11), start=st.floats(1e-5, 1e-2))
def test_the_fit_recovers_the_costs_behind_the_times(alpha: float, beta: float, start: float):
    fitted = fit(parent_fields(Cost(alpha, beta, start)))
    for ranks in (2, 4):
        for size in (SIZES[0], SIZES[-1]):
            made = Cost(alpha, beta, start).seconds(ranks, size)
            assert fitted.cost.seconds(ranks, size) == pytest.approx(made, 1e-4)
    assert fitted.worst < 1e-4


@pytest.mark.parametrize("cost", [Cost(50e-6, 1.25e9), Cost(2e-3, 3e8, 8e-3), Cost(1e-5, 5e9, 1e-3)])
def test_latency_and_bandwidth_are_distinguished(cost: Cost):
    fitted = fit(parent_fields(cost)).cost
    assert (fitted.alpha, fitted.beta) == (pytest.approx(cost.alpha, rel=1e-3), pytest.approx(cost.beta, rel=1e-3))
    assert fitted.start == pytest.approx(cost.start, rel=1e-3, abs=1e-9)


def test_the_error_of_the_fit_has_the_size_of_the_scatter():
    cost = Cost(1e-4, 1e9, 1e-3)
    scattered = [Measured(each.ranks, each.bytes, each.seconds * (1.1 if index % 2 else 0.9))
                 for index, each in enumerate(parent_fields(cost))]
    fitted = fit(scattered)
    assert fitted.cost.beta == pytest.approx(cost.beta, rel=0.15)
    assert 0.05 < fitted.typical < 0.12 and fitted.worst < 0.25


@pytest.mark.parametrize(("cost", "ranks", "size", "expected"), [
    (Cost(10e-6, 1e9), 2, 1e6, 2 * 10e-6 + 1e-3),              # two ranks: each sends half, twice
    (Cost(10e-6, 1e9), 4, 1e6, 6 * 10e-6 + 1.5e-3),
    (Cost(50e-6, 1.25e9, 1e-3), 8, 100e6, 1e-3 + 14 * 50e-6 + 14 / 8 * 0.08),
    (Cost(10e-6, 12.5e9), 512, 102e6, 1022 * 10e-6 + 1022 / 512 * 0.00816),
    (Cost(10e-6, 1e9, 1e-3), 1, 1e9, 0.0)])
def test_the_time_of_an_allreduce_equals_a_calculation_by_hand(cost: Cost, ranks: int, size: float, expected: float):
    assert cost.seconds(ranks, size) == pytest.approx(expected)


def test_an_allreduce_as_long_as_the_step_halves_the_speed():
    assert efficiency(Cost(0.0, 1e9), 2, 250e6, 0.25) == pytest.approx(0.5)
    assert efficiency(Cost(10e-6, 12.5e9), 1, 102e6, 0.25) == 1.0


@given(alpha=st.floats(0, 1e-2), beta=st.floats(1e7, 1e11), size=st.floats(1, 1e10), ranks=st.integers(2, 500))
def test_more_ranks_never_need_less_time(alpha: float, beta: float, size: float, ranks: int):
    cost = Cost(alpha, beta)
    assert cost.seconds(ranks, size) <= cost.seconds(ranks + 1, size)
    # With any number of ranks, each sends and receives less than twice the tensor.
    assert cost.seconds(ranks, size) < 2 * (ranks - 1) * alpha + 2 * size / beta * (1 + 1e-9)


def test_the_result_has_the_fit_its_error_and_each_projection():
    cost = Cost(1e-4, 1e9, 1e-3)
    result = compare(parent_fields(cost), "a title")
    ratios = json.loads(json.dumps(result.ratios))
    assert ratios["alpha_us"] == pytest.approx(100, rel=1e-3) and ratios["beta_gb_s"] == pytest.approx(1, rel=1e-3)
    assert ratios["residual_worst"] < 1e-3
    latency, bandwidth = NETWORKS["25 Gb/s"]
    remote = Cost(cost.alpha + latency, bandwidth, cost.start)
    assert ratios["efficiency_64_25gb"] == pytest.approx(efficiency(remote, 64, 102e6, 0.25), abs=1e-3)
    assert sum(name.startswith("efficiency_") for name in ratios) == len(MORE_RANKS) * len(NETWORKS)
    result.table()
