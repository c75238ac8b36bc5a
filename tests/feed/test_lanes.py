from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from laketrain.errors import DataError, LaunchError
from laketrain.feed.lanes import LanePlan


@st.composite
def plans(draw: st.DrawFn, shuffle: bool | None = None) -> LanePlan:
    lanes, slice_rows = draw(st.integers(1, 16)), draw(st.integers(1, 6))
    return LanePlan(rows=draw(st.integers(1, 400)), batch=lanes * slice_rows, lanes=lanes,
                    block_rows=slice_rows * draw(st.integers(1, 5)), window_blocks=draw(st.integers(1, 4)),
                    seed=draw(st.integers(0, 2**64 - 1)), shuffle=draw(st.booleans()) if shuffle is None else shuffle)


def epoch_of(plan: LanePlan, rank: int, ranks: int, epoch: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Rows and weights of all of a rank's batches: (steps, rank's batch) each."""
    lanes = plan.lanes_of(rank, ranks)
    rows = [np.concatenate([plan.padded(lane, epoch, w) for lane in lanes], axis=1) for w in range(plan.window_count)]
    weights = [np.concatenate([plan.weights(lane, w) for lane in lanes], axis=1) for w in range(plan.window_count)]
    return np.concatenate(rows), np.concatenate(weights)


@given(plans(), st.integers(0, 9))
def test_an_epoch_contains_every_row_exactly_once(plan: LanePlan, epoch: int) -> None:
    rows = np.concatenate([plan.order(lane, epoch) for lane in range(plan.lanes)])
    assert sorted(rows) == list(range(plan.rows))
    padded, weights = epoch_of(plan, 0, 1, epoch)
    assert sorted(padded[weights == 1]) == list(range(plan.rows))


@given(plans())
def test_ranks_batches_concatenated_are_the_global_batches(plan: LanePlan) -> None:
    rows, weights = epoch_of(plan, 0, 1)
    assert rows.shape == weights.shape == (plan.steps, plan.batch)
    for ranks in (ranks for ranks in range(2, plan.lanes + 1) if plan.lanes % ranks == 0):
        parts = [epoch_of(plan, rank, ranks) for rank in range(ranks)]
        assert {len(part) for part, _ in parts} == {plan.steps}
        np.testing.assert_array_equal(np.concatenate([part for part, _ in parts], axis=1), rows)
        np.testing.assert_array_equal(np.concatenate([weight for _, weight in parts], axis=1), weights)


@given(plans())
def test_padding_repeats_rows_with_weight_0_and_is_not_counted(plan: LanePlan) -> None:
    rows, weights = epoch_of(plan, 0, 1)
    assert rows.min() >= 0
    assert rows.max() < plan.rows
    assert weights.sum(axis=1).tolist() == [plan.valid_count(step) for step in range(plan.steps)]
    assert all(plan.valid_count(step) > 0 for step in range(plan.steps))


@given(plans())
def test_lanes_are_consecutive_intervals_of_equal_length(plan: LanePlan) -> None:
    bounds = [plan.lane_bounds(lane) for lane in range(plan.lanes)]
    assert bounds[0][0] == 0
    assert bounds[-1][1] == plan.rows
    assert all(left[1] == right[0] for left, right in pairwise(bounds))
    lengths = {end - first for first, end in bounds}
    assert max(lengths) - min(lengths) <= 1


@given(plans())
def test_a_lane_contains_the_rows_of_its_interval(plan: LanePlan) -> None:
    for lane in range(plan.lanes):
        first, end = plan.lane_bounds(lane)
        assert sorted(plan.order(lane, 0)) == list(range(first, end))


@given(plans())
def test_windows_start_at_the_same_step_in_every_lane_and_bound_the_memory(plan: LanePlan) -> None:
    steps = [step for w in range(plan.window_count) for step in plan.steps_of_window(w)]
    assert steps == list(range(plan.steps))
    for lane in range(plan.lanes):
        for w in range(plan.window_count):
            assert len(plan.window(lane, 0, w)) <= plan.window_blocks * plan.block_rows
            shape = (len(plan.steps_of_window(w)), plan.slice)
            assert plan.padded(lane, 0, w).shape == plan.weights(lane, w).shape == shape


@given(plans())
def test_windows_can_be_drawn_in_any_order(plan: LanePlan) -> None:
    windows = [(lane, w) for lane in range(plan.lanes) for w in range(plan.window_count)]
    forth = {key: plan.window(key[0], 3, key[1]).tolist() for key in windows}
    back = {key: plan.window(key[0], 3, key[1]).tolist() for key in reversed(windows)}
    assert forth == back


@given(plans(False))
def test_without_shuffle_a_lane_has_the_order_of_storage(plan: LanePlan) -> None:
    for lane in range(plan.lanes):
        assert plan.order(lane, 5).tolist() == list(range(*plan.lane_bounds(lane)))


@given(plans(True))
def test_a_window_reads_few_runs_of_consecutive_rows(plan: LanePlan) -> None:
    for lane in range(plan.lanes):
        first, end = plan.lane_bounds(lane)
        for w in range(plan.window_count):
            rows = np.sort(plan.window(lane, 0, w))
            runs = 1 + int((np.diff(rows) != 1).sum()) if len(rows) else 0
            assert runs <= plan.window_blocks + 1, "a block is one run, or two at the end of the ring"
            assert len(rows) <= end - first


def test_epochs_seeds_and_lanes_have_different_orders() -> None:
    plan = LanePlan.of(rows=8_000, batch=64, row_bytes=10, seed=1)
    other = LanePlan.of(rows=8_000, batch=64, row_bytes=10, seed=2)
    orders = [plan.order(0, 0), plan.order(0, 1), other.order(0, 0), plan.order(1, 0) - plan.lane_bounds(1)[0]]
    assert len({tuple(order.tolist()) for order in orders}) == len(orders)


def test_the_order_is_the_same_in_every_release() -> None:
    plan = LanePlan(rows=23, batch=4, lanes=2, block_rows=4, window_blocks=2, seed=7)
    assert plan.order(0, 0).tolist() == [9, 7, 4, 8, 3, 2, 6, 5, 1, 10, 0]
    assert plan.order(1, 5).tolist() == [20, 18, 22, 21, 12, 11, 19, 13, 16, 14, 17, 15]


def test_shuffling_mixes_far_beyond_a_block() -> None:
    plan = LanePlan.of(rows=50_000, batch=64, row_bytes=1 << 10, lanes=1, block_bytes=1 << 20, window_bytes=4 << 20)
    order = plan.order(0, 0)
    first = order[: plan.window_blocks * plan.block_rows]
    assert plan.window_blocks == 4
    assert first.max() - first.min() > 5 * plan.block_rows
    assert np.abs(np.corrcoef(order, np.arange(len(order)))[0, 1]) < 0.5


def test_a_huge_split_needs_no_array_of_its_rows() -> None:
    plan = LanePlan.of(rows=10**10, batch=1024, row_bytes=3072, seed=1)
    assert plan.window(lane=15, epoch=0, w=0).nbytes * plan.lanes * 3072 // 8 <= 256 << 20
    assert plan.valid_count(plan.steps - 1) == 10**10 - (plan.steps - 1) * 1024


@given(st.integers(1, 5_000), st.integers(1, 300), st.integers(0, 10**7), st.booleans())
@settings(max_examples=200)
def test_every_split_and_batch_has_a_plan(rows: int, batch: int, row_bytes: int, shuffle: bool) -> None:
    plan = LanePlan.of(rows, batch, row_bytes, shuffle=shuffle)
    assert plan.lanes == (16 if batch % 16 == 0 else max(n for n in range(1, 17) if batch % n == 0))
    window = plan.lanes * plan.window_blocks * plan.block_rows
    assert window * row_bytes <= 256 << 20 or window == plan.batch, "a window has at least one step"


@pytest.mark.parametrize(("ranks", "hint"), [
    (3, "use 1, 2, 4, 8 or 16 ranks, or set `lanes: 12`"),
    (5, "use 1, 2, 4, 8 or 16 ranks, or a batch that is a multiple of 5"),
    (32, "use 1, 2, 4, 8 or 16 ranks, or set `lanes: 32`"),
])
def test_ranks_that_do_not_divide_the_lanes_raise_with_a_hint(ranks: int, hint: str) -> None:
    plan = LanePlan.of(rows=1000, batch=96, row_bytes=1)
    with pytest.raises(LaunchError) as error:
        plan.lanes_of(0, ranks)
    assert f"{ranks} ranks do not divide 16 lanes (a batch of 96)" in str(error.value)
    assert hint in str(error.value)


@pytest.mark.parametrize("rank", [-1, 4])
def test_a_rank_out_of_range_raises(rank: int) -> None:
    with pytest.raises(LaunchError, match=f"got rank {rank} of 4"):
        LanePlan.of(rows=1000, batch=64, row_bytes=1).lanes_of(rank, 4)


@pytest.mark.parametrize(("fields", "kind", "message"), [
    ({"rows": 0}, DataError, "has 0 rows"),
    ({"batch": 0}, LaunchError, "got 0, expected at least 1"),
    ({"lanes": 5}, LaunchError, "5 lanes do not divide a batch of 64"),
    ({"lanes": 0}, LaunchError, "0 lanes"),
    ({"lanes": "many"}, LaunchError, "got 'many'"),
    ({"seed": -1}, LaunchError, "got -1"),
])
def test_arguments_out_of_range_raise(fields: dict[str, object], kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=message):
        LanePlan.of(**{"rows": 100, "batch": 64, "row_bytes": 10, **fields})  # type: ignore[arg-type]
