"""Collectives are numbered in the order of the calls, from 1 in each launch."""

from __future__ import annotations

from laketrain.distributed.collectives.collective_names import next_number, reset_numbers


def test_numbers_start_again_after_a_reset() -> None:
    reset_numbers()
    first = [next_number() for _ in range(3)]
    reset_numbers()
    assert first == [next_number() for _ in range(3)] == [1, 2, 3]
