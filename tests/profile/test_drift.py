"""Drift is a plain word; two samples of one distribution have none, whatever their size."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from laketrain.profile.drift import PSI, _below, drift_between
from laketrain.profile.model import ColumnDrift, ColumnProfile, TableProfile, Value

from .columns import after, number, numbers, text

RANDOM = np.random.default_rng(0)


def versions_of(*each: np.ndarray) -> list[TableProfile]:
    """Profiles of a table's versions, each counted against the one before, as runs make them."""
    profiles: list[TableProfile] = []
    for values in each:
        before = profiles[-1] if profiles else None
        column = number(values, before.columns[0] if before else None)
        profiles.append(after(before, column))
    return profiles


def drift(before: ColumnProfile, now: ColumnProfile) -> ColumnDrift:
    tables = [TableProfile(table="clean/t", version=version, rows=column.rows, bytes=1, columns=[column])
              for version, column in ((1, before), (2, now))]
    [result] = drift_between(*tables).columns
    return result


@pytest.mark.parametrize("rows", [30, 300, 30_000])
def test_samples_of_one_distribution_have_no_drift(rows: int) -> None:
    strong = 0
    for _ in range(20):
        before = number(RANDOM.normal(size=rows))
        strong += drift(before, number(RANDOM.normal(size=rows), before)).verdict != "none"
    assert strong <= 2


@pytest.mark.parametrize("rows", [300, 30_000])
@pytest.mark.parametrize("classes", [2, 40])
def test_classes_of_one_distribution_have_no_drift(rows: int, classes: int) -> None:
    drawn = [[str(number) for number in RANDOM.integers(0, classes, rows)] for _ in range(2)]
    assert drift(*(text(values) for values in drawn)).verdict == "none"


@pytest.mark.parametrize(("shift", "verdict"), [(0.0, "none"), (0.3, "some"), (2.0, "strong")])
def test_a_mean_that_moves_is_reported(shift: float, verdict: str) -> None:
    before = number(RANDOM.normal(size=20_000))
    result = drift(before, number(RANDOM.normal(size=20_000) + shift, before))
    assert (result.verdict, result.basis) == (verdict, "numbers")
    assert result.shift == pytest.approx(shift, abs=0.05)


def test_a_spread_that_grows_is_reported_where_the_mean_stays() -> None:
    before = number(RANDOM.normal(size=20_000))
    result = drift(before, number(3 * RANDOM.normal(size=20_000), before))
    assert result.verdict == "strong" and "PSI" in result.because and "mean" not in result.because


def test_the_index_is_the_sum_over_the_shares_less_what_chance_gives() -> None:
    result = drift(text(["a"] * 5000 + ["b"] * 5000), text(["a"] * 7000 + ["b"] * 3000))
    plain = (0.7 - 0.5) * math.log(0.7 / 0.5) + (0.3 - 0.5) * math.log(0.3 / 0.5)
    assert result.psi == pytest.approx(plain - (1 + 2 * math.sqrt(2)) * 2 / 10_000, rel=1e-9)
    assert (result.basis, result.verdict) == ("values", "some")


@pytest.mark.parametrize(("spreads", "verdict"), [
    ((1, 1.55, 1.8), "strong"), ((1, 1.2, 1.4), "some"), ((1, 3, 1), "none"), ((1, 1, 3), "strong"),
    ((1, 2, 3, 1), "none")])
def test_a_version_is_compared_with_any_earlier_one_and_not_with_that_before(spreads: tuple[float, ...],
                                                                             verdict: str) -> None:
    random = np.random.default_rng(1)
    samples = [spread * random.normal(size=5000) for spread in spreads]
    first, *_, last = versions_of(*samples)
    [result] = drift_between(first, last).columns
    direct = drift(first.columns[0], number(samples[-1], first.columns[0]))
    assert (result.verdict, result.basis) == (direct.verdict, "numbers") == (verdict, "numbers")
    assert result.psi == pytest.approx(direct.psi, rel=0.1, abs=0.02)


@pytest.mark.parametrize("draw", [
    lambda rows: RANDOM.lognormal(sigma=1.5, size=rows), lambda rows: RANDOM.poisson(300, rows).astype(float),
    lambda rows: np.where(RANDOM.random(rows) < 0.6, 0.0, RANDOM.exponential(size=rows)),
    lambda rows: RANDOM.standard_t(2, rows), lambda rows: np.where(RANDOM.random(rows) < 0.6, 7.5, RANDOM.random(rows)),
    lambda rows: np.full(rows, 4.0)])
def test_samples_of_one_distribution_have_no_drift_whatever_is_between_them(draw: Callable[[int], np.ndarray]) -> None:
    strong = 0
    for _ in range(5):
        first, _, last = versions_of(draw(2000), 9 * draw(2000) - 4, draw(2000))
        for before, now in ((first, last), (last, first)):
            [result] = drift_between(before, now).columns
            # A single outlier can move the mean of a heavy tail; its intervals stay.
            strong += result.psi is not None and result.psi >= PSI[0]
    assert strong <= 1


@pytest.mark.parametrize(("longest", "verdict"), [(12, "none"), (60, "strong")])
def test_lengths_are_compared_where_the_longest_of_the_version_between_was_another(longest: int, verdict: str) -> None:
    def keys(most: int, before: TableProfile | None) -> TableProfile:
        lengths = RANDOM.integers(1, most + 1, 4000).astype(float)
        old = before.columns[0].lengths if before else None
        return after(before, text([f"{index}" for index in range(4000)], complete=False,
                                  lengths=numbers(lengths, old, step=1)))

    first = keys(12, None)
    between = keys(30, first)
    last = keys(longest, between)
    old, new = first.columns[0].lengths, last.columns[0].lengths
    assert old and new and old.histogram and new.earlier
    [result] = drift_between(first, last).columns
    assert (result.verdict, result.basis) == (verdict, "lengths")


@given(values=st.lists(st.floats(-1e9, 1e9), min_size=1, max_size=60), cuts=st.lists(st.floats(-1e9, 1e9), max_size=9))
@example([0.0, 1.0, 1.0, 1.0, 1.0, 1.2804214265177392e-217, -2.6576077077592686e-110], [0.0, 1.2804214265177392e-217])
def test_the_rows_below_a_cut_are_known_to_an_interval(values: list[float], cuts: list[float]) -> None:
    column = numbers(np.array(values))
    assert column.histogram is not None
    edges = np.array([*column.histogram.edges[:-1], math.nextafter(column.histogram.edges[-1], math.inf)])
    asked = sorted([*cuts, *column.histogram.edges])
    below = _below(column, asked)
    assert below == sorted(below)
    for cut, rows in zip(asked, below, strict=True):
        index = int(np.searchsorted(edges, cut, side="right")) - 1
        low = edges[index] if index >= 0 else -math.inf
        high = edges[index + 1] if index + 1 < len(edges) else math.inf
        array = np.array(values)
        assert np.sum(array < low) <= rows + 1e-6
        assert rows <= np.sum(array < high) + 1e-6


def test_new_and_vanished_values_are_named() -> None:
    result = drift(text(["a"] * 99 + ["b"]), text(["a"] * 90 + ["c"] * 10))
    assert (result.new_values, result.vanished_values, result.verdict) == (["c"], ["b"], "strong")
    assert "1 new value in 10 rows" in result.because


def test_a_value_too_rare_to_be_listed_is_neither_new_nor_drift() -> None:
    # 0.21 % were listed then, and 0.19 % are no more.
    before = text(["a"] * 9000 + [f"rare {index}" for index in range(50) for _ in range(21)], complete=False)
    now = text(["a"] * 10_050, complete=False)
    result = drift(before, now.model_copy(update={"values": [Value(value="a", rows=9000)]}))
    assert (result.verdict, result.new_values, result.vanished_values) == ("none", [], [])


@pytest.mark.parametrize(("nulls", "verdict"), [(0, "none"), (600, "some"), (5000, "strong")])
def test_a_change_of_nulls_is_reported(nulls: int, verdict: str) -> None:
    before = number(RANDOM.normal(size=10_000))
    assert drift(before, number(RANDOM.normal(size=10_000), before, nulls)).verdict == verdict


def test_columns_that_are_new_gone_or_retyped_are_reported() -> None:
    old, same = number(np.arange(9.0)), number(np.arange(9.0))
    before = TableProfile(table="t/t", version=3, rows=9, bytes=1, columns=[old, old.model_copy(update={"name": "y"})])
    now = TableProfile(table="t/t", version=5, rows=9, bytes=1, columns=[
        same.model_copy(update={"type": "float"}), same.model_copy(update={"name": "z"})])
    result = drift_between(before, now)
    assert [(column.name, column.change, column.verdict) for column in result.columns] == [
        ("x", "retyped", "strong"), ("z", "new", "some"), ("y", "gone", "strong")]
    assert (result.against, result.rows_before, result.rows_now) == (3, 9, 9)


def test_keys_are_new_in_every_version_and_that_is_no_drift() -> None:
    lengths = numbers(np.full(50, 3.0))
    before = text([f"a{number:02}" for number in range(50)], lengths=lengths)
    now = text([f"b{number:02}" for number in range(50)],
               lengths=numbers(np.full(50, 3.0), lengths))
    result = drift(before, now)
    assert (result.verdict, result.new_values, result.basis) == ("none", [], "lengths")


@pytest.mark.parametrize(("first", "second"), [(0, 9), (9, 0), (0, 0)])
def test_an_empty_table_has_drift_from_none_and_to_none(first: int, second: int) -> None:
    drift(number(np.arange(float(first))), number(np.arange(float(second))))
