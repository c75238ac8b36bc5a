"""Rows are sampled evenly."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from laketrain.tasks.sampling import spread


@given(st.integers(1, 500), st.integers(1, 200))
def test_rows_are_spread_evenly_over_all(rows: int, most: int) -> None:
    numbers = spread(rows, most)
    assert len(numbers) == min(rows, most)
    assert numbers[0] == 0
    assert most == 1 or numbers[-1] == rows - 1
    gaps = numbers[1:] - numbers[:-1]
    assert not len(gaps) or gaps.max() - gaps.min() <= 1
