"""Batches of one length each: every row once an epoch, the same steps on every rank, resumed where it stopped."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from laketrain.feed import BucketSchedule, Feed, LanePlan
from laketrain.feed.feed import plan_buckets

from .splits import write_split

SIZES = st.lists(st.integers(1, 60), min_size=1, max_size=5)


@given(steps=SIZES, seed=st.integers(0, 2**64 - 1), epoch=st.integers(0, 1000))
def test_an_epoch_contains_each_buckets_steps_once(steps: list[int], seed: int, epoch: int) -> None:
    order = BucketSchedule(tuple(steps), seed).order(epoch)
    assert np.bincount(order, minlength=len(steps)).tolist() == steps


def test_the_order_of_buckets_depends_on_seed_and_epoch() -> None:
    schedule = BucketSchedule((50, 50), seed=3)
    assert len({tuple(schedule.order(epoch)) for epoch in range(20)}) == 20
    assert schedule.order(0).tolist() != BucketSchedule((50, 50), seed=4).order(0).tolist()
    assert 15 <= np.count_nonzero(schedule.order(0)[:50]) <= 35
    assert BucketSchedule((2, 3), seed=3, shuffle=False).order(7).tolist() == [0, 0, 1, 1, 1]


@given(steps=SIZES, seed=st.integers(0, 2**64 - 1), data=st.data())
def test_each_bucket_resumes_where_the_epoch_stopped(steps: list[int], seed: int, data: Any) -> None:
    schedule = BucketSchedule(tuple(steps), seed)
    stop = data.draw(st.integers(0, schedule.total - 1))
    seen = [0] * len(steps)
    for bucket in schedule.order(5)[:stop].tolist():
        seen[bucket] += 1
    assert schedule.positions(5, stop) == [(6, 0) if taken == total else (5, taken)
                                           for taken, total in zip(seen, steps, strict=True)]


@given(rows=st.lists(st.integers(1, 10_000), min_size=1, max_size=4), window=st.integers(1, 1 << 20))
def test_the_buckets_share_the_window_by_their_bytes(rows: list[int], window: int) -> None:
    sizes = [(count, 100 * (index + 1)) for index, count in enumerate(rows)]
    plans = plan_buckets(sizes, 64, lanes="auto", seed=1, shuffle=True, window_bytes=window)
    held = sum(plan.window_blocks * plan.block_rows * plan.lanes * size
               for plan, (_, size) in zip(plans, sizes, strict=True))
    least = sum(64 * size for _, size in sizes)  # a lane has at least one slice
    assert held <= window + least
    assert len({plan.seed for plan in plans}) == len(plans)


@pytest.fixture
def feed(tmp_path: Path) -> Feed:
    """Three buckets of 200, 37 and 5 rows, whose images contain their bucket and row."""
    plans, readers = [], []
    for index, rows in enumerate((200, 37, 5)):
        split = write_split(tmp_path / str(index), [[rows // 2, rows - rows // 2]])
        readers.append(split.reader())
        plans.append(LanePlan.of(rows, 32, 6, lanes=8, seed=index, window_bytes=600))
    return Feed(tuple(plans), tuple(readers))


def seen(feed: Feed, **asked: Any) -> list[tuple[int, list[int], float]]:
    """For each step: the rows of its bucket, its labels, the sum of its weights."""
    with feed:
        return [(len(labels), labels.numpy().tolist(), float(weights.numpy().sum()))
                for _, labels, weights, _ in feed.batches(**asked)]


@pytest.mark.slow
def test_every_row_of_every_bucket_occurs_once_in_an_epoch(feed: Feed) -> None:
    with feed:
        result: list[int] = []
        for _, labels, weights, real in feed.batches(epoch=3):
            assert float(weights.numpy().sum()) == int(real)
            result += labels.numpy()[weights.numpy() > 0].tolist()
    assert feed.rows == 242
    assert sorted(result) == sorted([*range(200), *range(37), *range(5)])


@pytest.mark.slow
@pytest.mark.parametrize("ranks", [2, 4, 8])
def test_the_steps_of_all_ranks_together_are_those_of_one_rank(feed: Feed, ranks: int) -> None:
    whole = seen(feed, epochs=2)
    parts = [seen(feed, rank=rank, ranks=ranks, epochs=2) for rank in range(ranks)]
    assert {len(part) for part in parts} == {len(whole)} == {2 * feed.steps}
    for step, (_, labels, _) in enumerate(whole):
        assert [label for part in parts for label in part[step][1]] == labels


@pytest.mark.slow
@pytest.mark.parametrize("start", [1, 7, 8, 9])
def test_a_resumed_epoch_is_the_rest_of_an_uninterrupted_one(feed: Feed, start: int) -> None:
    assert seen(feed, epoch=1, start_step=start, epochs=2) == seen(feed, epoch=1, epochs=2)[start:]


@pytest.mark.slow
@pytest.mark.parametrize("ranks", [1, 4])
def test_row_groups_are_those_that_contain_the_rows_of_the_step(feed: Feed, ranks: int) -> None:
    """Each bucket's file has two row groups, of the first half of its rows and of the others."""
    halves = {200: 100, 37: 18, 5: 2}
    with feed:
        for rank in range(ranks):
            for step, (_, labels, _, _) in enumerate(feed.batches(rank, ranks, epoch=1)):
                bucket = int(feed.schedule.order(1)[step])
                half = halves[feed.plans[bucket].rows]
                expected = (labels.numpy() >= half).astype(int)
                [(path, result)] = feed.row_groups(rank, ranks, 1, step).items()
                assert (path, result) == ("data/part-0.parquet", np.unique(expected).tolist())
                first = labels.numpy() == labels.numpy()[0]
                assert list(feed.row_groups(rank, ranks, 1, step, first).values()) == [[expected[0]]]
