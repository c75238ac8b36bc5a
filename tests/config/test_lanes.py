from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from laketrain.config.lanes import MOST_LANES, auto_lanes, divisors


@given(st.integers(-3, 3000))
def test_divisors_are_all_numbers_that_divide(number: int) -> None:
    assert divisors(number) == [n for n in range(1, number + 1) if number % n == 0]


@given(st.integers(1, 3000))
def test_auto_lanes_are_the_largest_divisor_of_the_batch_up_to_16(batch: int) -> None:
    lanes = auto_lanes(batch)
    assert batch % lanes == 0
    assert not [n for n in range(lanes + 1, MOST_LANES + 1) if batch % n == 0]
