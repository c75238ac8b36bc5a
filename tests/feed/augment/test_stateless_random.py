"""Draws are SplitMix64 of seed, epoch, row and column; streams and columns are independent."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from laketrain.feed.augment.stateless_random import stateless_uniform

SEEDS = st.integers(0, 2**63 - 1)


def splitmix(seed: int, epoch: int, row: int, column: int, draws: int) -> float:
    """`stateless_uniform` in Python integers."""
    def mixed(z: int) -> int:
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9 % 2**64
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB % 2**64
        return z ^ (z >> 31)

    start = mixed((mixed(seed) + epoch) % 2**64)
    return (mixed((start + (row * draws + column + 1) * 0x9E3779B97F4A7C15) % 2**64) >> 11) / 2**53


@given(seed=st.integers(0, 2**64 - 1), epoch=st.integers(0, 10**6), row=st.integers(0, 2**40), draws=st.integers(1, 6))
def test_a_draw_is_splitmix_of_seed_epoch_row_and_column(seed: int, epoch: int, row: int, draws: int) -> None:
    [result] = stateless_uniform(seed, epoch, np.array([row]), draws)
    assert result.tolist() == [splitmix(seed, epoch, row, column, draws) for column in range(draws)]


def test_draws_are_the_same_in_every_release() -> None:
    result = stateless_uniform(7, 3, np.array([0, 1, 59_999]), 2)
    expected = [[0.2777192345292445, 0.9817389022223034], [0.37757165965843364, 0.9956524486007026],
                [0.997025997212534, 0.49678017360642235]]
    np.testing.assert_array_equal(result, expected)


def test_draws_are_uniform_and_uncorrelated() -> None:
    result = np.concatenate([stateless_uniform(seed, epoch, np.arange(20_000), 4)
                             for seed in (0, 1) for epoch in (0, 1)], axis=1)
    assert result.min() >= 0
    assert result.max() < 1
    counts = np.stack([np.histogram(column, bins=20, range=(0, 1))[0] for column in result.T])
    # 19 degrees of freedom: 50 is passed once in 7,000 columns.
    assert (((counts - 1000.0) ** 2 / 1000).sum(axis=1) < 50).all()
    correlation = np.corrcoef(result.T) - np.eye(result.shape[1])
    assert np.abs(correlation).max() < 0.035
    assert abs(np.corrcoef(result[1:, 0], result[:-1, 0])[0, 1]) < 0.035


@given(seed=SEEDS, epoch=st.integers(0, 1000), row=st.integers(0, 10**9))
def test_each_stream_has_other_draws_and_the_first_is_the_default(seed: int, epoch: int, row: int) -> None:
    drawn = [stateless_uniform(seed, epoch, np.array([row]), 2, stream)[0].tolist() for stream in range(8)]
    assert len({tuple(pair) for pair in drawn}) == 8
    assert drawn[0] == stateless_uniform(seed, epoch, np.array([row]), 2)[0].tolist()


def test_streams_are_uncorrelated() -> None:
    result = np.concatenate([stateless_uniform(3, 1, np.arange(20_000), 2, stream) for stream in range(8)], axis=1)
    assert np.abs(np.corrcoef(result.T) - np.eye(16)).max() < 0.035
