"""Turns and medians."""

from __future__ import annotations

import numpy as np
import pytest
from benchmarks.timing import in_turn, ratio, warm_up
from hypothesis import given
from hypothesis import strategies as st


def sides(calls: list[str]) -> dict:
    def side(label: str):
        def turn() -> int:
            calls.append(label)
            return len(calls)

        return turn

    return {label: side(label) for label in ("ours", "theirs", "ideal")}


def test_all_sides_have_their_turn_in_every_round():
    calls: list[str] = []
    figures = in_turn(sides(calls), 2, lambda text: None)
    assert calls == ["ours", "theirs", "ideal"] * 2
    assert figures == {"ours": [1, 4], "theirs": [2, 5], "ideal": [3, 6]}


def test_each_turn_is_reported_before_it_starts():
    calls: list[str] = []
    in_turn(sides(calls), 2, lambda text: calls.append(f"told: {text}"))
    assert calls[:4] == ["told: round 1 of 2, ours", "ours", "told: round 1 of 2, theirs", "theirs"]
    assert calls[-2:] == ["told: round 2 of 2, ideal", "ideal"]


def test_a_warm_up_is_one_turn_each_that_is_not_measured():
    calls: list[str] = []
    assert warm_up(sides(calls), lambda text: None) is None
    assert calls == ["ours", "theirs", "ideal"]


def test_a_ratio_pairs_figures_of_the_same_round():
    """A machine that got four times slower after the first round: the ratio of the medians would be 6 / 4."""
    assert ratio([24.0, 6.0, 6.0], [12.0, 4.0, 3.0]) == 2.0


@given(st.lists(st.tuples(st.floats(0.1, 1e6), st.floats(0.1, 1e6)), min_size=1, max_size=9))
def test_a_ratio_is_the_median_over_the_rounds(pairs):
    above, below = zip(*pairs, strict=True)
    assert ratio(above, below) == pytest.approx(np.median(np.array(above) / np.array(below)))


def test_sides_with_different_numbers_of_rounds_are_refused():
    with pytest.raises(ValueError, match="shorter"):
        ratio([1.0, 2.0], [1.0])
