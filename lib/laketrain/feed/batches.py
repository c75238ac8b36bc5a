"""One rank's batches: a window's rows are read once into a pool, and each step gathers its own from there.

    for batch in batches(plan, reader, rank=0, ranks=2, epoch=0):
        batch.arrays["image"], batch.weights, batch.real, batch.step

While a pool is used up, the next one is read in the background: never more than these two are in memory.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from laketrain.errors import DataError
from laketrain.feed.ahead import Ahead
from laketrain.feed.lanes import LanePlan, Rows
from laketrain.feed.rows import RowReader

Arrays = dict[str, npt.NDArray[Any]]


@dataclass(frozen=True)
class Pool:
    """The rows of some consecutive steps of one rank.

    Attributes:
        rows: (pool rows,) their global numbers, ascending.
        arrays: name -> (pool rows, *shape), each row once, in the order of storage.
        index: (steps, rank's batch) int32, which rows of the pool a step takes.
        weights: (steps, rank's batch) float32, 1 or, for padding, 0.
        real: (steps,) int32, the rows of the whole global batch that are no padding.
        epoch, first_step: what the first step is.
    """

    rows: Rows
    arrays: Arrays
    index: npt.NDArray[np.int32]
    weights: npt.NDArray[np.float32]
    real: npt.NDArray[np.int32]
    epoch: int
    first_step: int


@dataclass(frozen=True)
class Batch:
    """A rank's part of global batch `step`. Arrays are (rank's batch, *shape); `real` counts the global batch."""

    arrays: Arrays
    weights: npt.NDArray[np.float32]
    real: int
    step: int
    epoch: int


def pools(plan: LanePlan, reader: RowReader, rank: int, ranks: int, epoch: int, start_step: int = 0,
          epochs: int = 1) -> Generator[Pool, None, None]:
    """The rank's pools from `start_step` of `epoch` to the end of the last of `epochs` epochs, one read ahead.

    An error of the reading thread is raised here. Closing the generator waits for the read in progress.

    Raises:
        LaunchError: the ranks don't divide the lanes.
        DataError: the plan and the reader differ in rows.
        IndexError: there is no such step.
    """
    lanes = plan.lanes_of(rank, ranks)
    if plan.rows != reader.rows:
        raise DataError("feed", "the split to read", f"the plan is for {plan.rows} rows, the files hold {reader.rows}",
                        "make the plan from the reader's rows")
    if not 0 <= start_step < plan.steps:
        raise IndexError(f"start at step {start_step} of {plan.steps}")
    first = start_step // plan.window_steps
    turns = [(first if e == epoch else 0, e) for e in range(epoch, epoch + epochs)]
    windows = ((e, w, start_step if e == epoch else 0) for begin, e in turns for w in range(begin, plan.window_count))
    return _one_ahead(_Source(plan, reader, lanes), windows)


def batches(plan: LanePlan, reader: RowReader, rank: int, ranks: int, epoch: int, start_step: int = 0,
            epochs: int = 1) -> Generator[Batch, None, None]:
    """The rank's batches, as `pools` has them; concatenated in rank order they are the global batches."""
    return _gathered(pools(plan, reader, rank, ranks, epoch, start_step, epochs))


class _Source:
    """Builds a rank's pools, one call each."""

    def __init__(self, plan: LanePlan, reader: RowReader, lanes: range) -> None:
        self.plan, self.reader, self.lanes = plan, reader, lanes
        self._kept: tuple[Rows, Arrays] | None = None

    def pool(self, epoch: int, w: int, start_step: int) -> Pool:
        """Window `w` of `epoch`, from `start_step` on where it lies in the window."""
        steps = self.plan.steps_of(w)
        skip = max(0, start_step - steps.start)
        asked = np.concatenate([self.plan.padded(lane, epoch, w) for lane in self.lanes], axis=1)[skip:]
        weights = np.concatenate([self.plan.weights(lane, w) for lane in self.lanes], axis=1)[skip:]
        real = np.array([self.plan.real_rows(step) for step in steps[skip:]], np.int32)
        rows, index = np.unique(asked, return_inverse=True)
        return Pool(rows, self._read(rows), index.reshape(asked.shape).astype(np.int32), weights, real, epoch,
                    steps.start + skip)

    def _read(self, rows: Rows) -> Arrays:
        """The rows' arrays; not read again where one window is the whole epoch, so that each needs the same rows."""
        if self._kept is not None and np.array_equal(self._kept[0], rows):
            return self._kept[1]
        arrays = self.reader.read(rows)
        self._kept = (rows, arrays)
        return arrays


def _one_ahead(source: _Source, windows: Iterator[tuple[int, int, int]]) -> Generator[Pool, None, None]:
    def read() -> Generator[Pool, None, None]:
        for window in windows:
            yield source.pool(*window)

    def handed_over() -> Generator[Pool, None, None]:
        with Ahead(read(), 1, "read", doing=lambda: source.reader.doing) as made:
            yield from made

    return handed_over()


def _gathered(source: Generator[Pool, None, None]) -> Generator[Batch, None, None]:
    with closing(source):
        for pool in source:
            for i, index in enumerate(pool.index):
                arrays = {name: values.take(index, axis=0) for name, values in pool.arrays.items()}
                yield Batch(arrays, pool.weights[i], int(pool.real[i]), pool.first_step + i, pool.epoch)
            del pool  # before the one after next is read
