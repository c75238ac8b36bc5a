from __future__ import annotations

import gc
import threading
import weakref

import numpy as np
import pytest

from laketrain.errors import DataError, LaunchError
from laketrain.feed.lanes import LanePlan
from laketrain.feed.shuffle_buffer import array_batches, shuffle_buffers

from .splits import images, numbers

ROWS = 611
LAYOUTS = {"one file": [[611]], "many row groups": [[50] * 12, [11]], "uneven files": [[1, 299, 7], [4], [300]],
           "a row a group": [[1] * 611]}
PLAN = LanePlan(rows=ROWS, batch=32, lanes=8, block_rows=12, window_blocks=2, seed=11)


def expected(epoch: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows and weights of all global batches, directly from the plan."""
    def stack(of):
        return np.concatenate([np.concatenate([of(lane, w) for lane in range(8)], axis=1)
                               for w in range(PLAN.window_count)])
    return stack(lambda lane, w: PLAN.padded(lane, epoch, w)), stack(PLAN.weights)


def readers() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name.startswith("laketrain-feed")]


@pytest.mark.parametrize("cuts", LAYOUTS.values(), ids=LAYOUTS)
@pytest.mark.parametrize("ranks", [1, 2, 4, 8])
def test_the_global_batches_follow_the_plan_for_any_files_and_ranks(write, cuts: list[list[int]], ranks: int) -> None:
    split = write(cuts)
    result = [list(array_batches(PLAN, split.reader(), rank, ranks, epoch=2)) for rank in range(ranks)]
    rows, weights = expected(2)
    assert [len(part) for part in result] == [PLAN.steps] * ranks
    for step in range(PLAN.steps):
        parts = [part[step] for part in result]
        np.testing.assert_array_equal(np.concatenate([part.arrays["image"] for part in parts]), images(rows[step]))
        np.testing.assert_array_equal(np.concatenate([part.arrays["label"] for part in parts]), rows[step] % 250)
        np.testing.assert_array_equal(np.concatenate([part.weights for part in parts]), weights[step])
        assert {(part.step, part.valid_count, part.epoch) for part in parts} == {(step, int(weights[step].sum()), 2)}


@pytest.mark.parametrize("start", [0, 1, 5, 6, 7, 19])
def test_a_resumed_epoch_has_the_batches_of_an_uninterrupted_one(write, start: int) -> None:
    split = write(LAYOUTS["uneven files"])
    whole = list(array_batches(PLAN, split.reader(), 1, 2, epoch=0))
    resumed = list(array_batches(PLAN, split.reader(), 1, 2, epoch=0, start_step=start))
    assert [batch.step for batch in resumed] == list(range(start, PLAN.steps))
    for before, after in zip(whole[start:], resumed, strict=True):
        np.testing.assert_array_equal(before.arrays["image"], after.arrays["image"])
        np.testing.assert_array_equal(before.weights, after.weights)


@pytest.mark.parametrize("plan", [PLAN, LanePlan.of(ROWS, 32, 6, seed=3)], ids=["windows", "one window"])
def test_several_epochs_in_one_call_equal_one_call_each(write, plan: LanePlan) -> None:
    split = write(LAYOUTS["uneven files"])
    in_a_row = list(array_batches(plan, split.reader(), 0, 2, epoch=1, start_step=4, epochs=3))
    one_by_one = [batch for epoch in (1, 2, 3)
                  for batch in array_batches(plan, split.reader(), 0, 2, epoch, 4 if epoch == 1 else 0)]
    assert [(b.epoch, b.step) for b in in_a_row] == [(b.epoch, b.step) for b in one_by_one]
    for row, row_alone in zip(in_a_row, one_by_one, strict=True):
        np.testing.assert_array_equal(row.arrays["image"], row_alone.arrays["image"])


def test_a_split_that_fits_one_window_is_read_once_for_all_epochs(write, monkeypatch) -> None:
    reader = write([[ROWS]]).reader()
    calls = []
    original = reader.read
    monkeypatch.setattr(reader, "read", lambda rows: calls.append(len(rows)) or original(rows))
    assert len(list(shuffle_buffers(LanePlan.of(ROWS, 32, 6), reader, 0, 1, epoch=0, epochs=4))) == 4
    assert calls == [ROWS]


@pytest.mark.parametrize("rows", [1, 5, 15])
def test_every_rank_has_its_batches_with_fewer_rows_than_lanes(write, rows: int) -> None:
    plan = LanePlan.of(rows, batch=32, row_bytes=6)
    result = [list(array_batches(plan, write([[rows]]).reader(), rank, 16, 0)) for rank in range(16)]
    real = [int(row) for part in result for batch in part for row in numbers(batch.arrays["image"])[batch.weights == 1]]
    assert sorted(real) == list(range(rows))
    assert {len(part) for part in result} == {1}
    assert {batch.valid_count for part in result for batch in part} == {rows}


def test_a_buffer_contains_each_row_once_and_at_most_a_window(write) -> None:
    for buffer in shuffle_buffers(PLAN, write([[ROWS]]).reader(), 1, 4, epoch=0):
        rows = numbers(buffer.arrays["image"])
        assert len(set(rows)) == len(rows) <= 2 * PLAN.window_blocks * PLAN.block_rows
        assert (buffer.index.dtype, buffer.weights.dtype, buffer.valid_count.dtype) == (np.int32, np.float32, np.int32)
        assert buffer.index.shape == buffer.weights.shape == (len(buffer.valid_count), 8)


def test_no_more_than_two_buffers_are_in_memory(write, monkeypatch) -> None:
    reader = write([[ROWS]]).reader("image")
    alive: list[weakref.ref] = []
    original = reader.read

    def read(rows):
        gc.collect()
        assert sum(ref() is not None for ref in alive) <= 1
        arrays = original(rows)
        alive.append(weakref.ref(arrays["image"]))
        return arrays

    monkeypatch.setattr(reader, "read", read)
    assert len(list(array_batches(PLAN, reader, 0, 1, epoch=0))) == PLAN.steps
    assert len(alive) == PLAN.window_count > 2


def test_an_error_of_the_reading_thread_is_raised_to_the_consumer(write) -> None:
    split = write([[300], [311]])
    path = split.root / "data" / "part-1.parquet"
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(DataError, match="part-1.parquet") as error:
        list(array_batches(PLAN, split.reader(), 0, 1, epoch=0))
    assert error.value.__cause__ is not None
    assert not readers()


def test_an_error_of_a_prefetched_buffer_is_raised_when_the_buffer_is_due(write, monkeypatch) -> None:
    reader = write([[ROWS]]).reader()
    original, calls = reader.read, []

    def read(rows):
        calls.append(rows)
        if len(calls) == 2:
            raise MemoryError("no more")
        return original(rows)

    monkeypatch.setattr(reader, "read", read)
    seen = []
    with pytest.raises(MemoryError, match="no more"):
        seen.extend(batch.step for batch in array_batches(PLAN, reader, 0, 1, epoch=0))
    assert seen == list(PLAN.steps_of_window(0)), "the first buffer was used up"
    assert not readers()


def test_closing_early_ends_the_thread(write) -> None:
    source = array_batches(PLAN, write([[ROWS]]).reader(), 0, 1, epoch=0)
    next(source)
    assert readers()
    source.close()
    assert not readers()


def test_invalid_arguments_raise_before_anything_is_read(write) -> None:
    reader = write([[ROWS]]).reader()
    with pytest.raises(LaunchError, match="3 ranks do not divide 8 lanes"):
        array_batches(PLAN, reader, 0, 3, epoch=0)
    with pytest.raises(DataError, match="plan is for 99 rows, the files hold 611"):
        array_batches(LanePlan.of(99, 32, 6), reader, 0, 1, epoch=0)
    with pytest.raises(IndexError, match="step 20 of 20"):
        array_batches(PLAN, reader, 0, 1, epoch=0, start_step=20)
    assert not readers()
