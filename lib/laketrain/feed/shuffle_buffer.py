"""One rank's batches as NumPy arrays: a window's rows are read once into a buffer, and each step gathers from there.

    for batch in array_batches(plan, reader, rank=0, ranks=2, epoch=0):
        batch.arrays["image"], batch.weights, batch.valid_count, batch.step

While a buffer is used, the next one is read in the background: never more than these two are in memory.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from laketrain.errors import DataError
from laketrain.feed.lanes import LanePlan, Rows
from laketrain.feed.prefetch import Prefetcher
from laketrain.feed.source import Arrays, RowSource


@dataclass(frozen=True)
class ShuffleBuffer:
    """The rows of some consecutive steps of one rank.

    Attributes:
        rows: (buffer rows,) their global numbers, ascending.
        arrays: name -> (buffer rows, *shape), each row once, in the order of storage.
        index: (steps, rank's batch) int32, the buffer's rows in each step.
        weights: (steps, rank's batch) float32, 1, or 0 for padding.
        valid_count: (steps,) int32, rows of the whole global batch without padding.
        epoch, first_step: of the first step.
    """

    rows: Rows
    arrays: Arrays
    index: npt.NDArray[np.int32]
    weights: npt.NDArray[np.float32]
    valid_count: npt.NDArray[np.int32]
    epoch: int
    first_step: int


@dataclass(frozen=True)
class ArrayBatch:
    """A rank's part of global batch `step`.

    Arrays are (rank's batch, *shape); `valid_count` is the rows of the global batch without padding.
    """

    arrays: Arrays
    weights: npt.NDArray[np.float32]
    valid_count: int
    step: int
    epoch: int


def shuffle_buffers(plan: LanePlan, source: RowSource, rank: int, ranks: int, epoch: int, start_step: int = 0,
                    epochs: int = 1) -> Generator[ShuffleBuffer, None, None]:
    """The rank's buffers from `start_step` of `epoch` to the end of the last of `epochs` epochs, one prefetched.

    An error of the reading thread is raised here. Closing the generator waits for the current read.

    Raises:
        LaunchError: the ranks don't divide the lanes.
        DataError: the plan and the source differ in rows.
        IndexError: there is no such step.
    """
    lanes = plan.lanes_of(rank, ranks)
    if plan.rows != source.rows:
        raise DataError("feed", "the split to read", f"the plan is for {plan.rows} rows, the files hold {source.rows}",
                        "make the plan from the reader's rows")
    if not 0 <= start_step < plan.steps:
        raise IndexError(f"start at step {start_step} of {plan.steps}")
    first = start_step // plan.window_steps
    starts = [(e, first if e == epoch else 0) for e in range(epoch, epoch + epochs)]
    windows = ((e, w, start_step if e == epoch else 0) for e, start in starts for w in range(start, plan.window_count))
    return _prefetch(_Loader(plan, source, lanes), windows)


def array_batches(plan: LanePlan, source: RowSource, rank: int, ranks: int, epoch: int, start_step: int = 0,
                  epochs: int = 1) -> Generator[ArrayBatch, None, None]:
    """The rank's batches, with the errors of `shuffle_buffers`. Concatenated in rank order they are the global
    batches."""
    return _gather(shuffle_buffers(plan, source, rank, ranks, epoch, start_step, epochs))


class _Loader:
    """Loads a rank's buffers, one a call."""

    def __init__(self, plan: LanePlan, source: RowSource, lanes: range) -> None:
        self.plan, self.source, self.lanes = plan, source, lanes
        self._last: tuple[Rows, Arrays] | None = None

    def load(self, epoch: int, w: int, start_step: int) -> ShuffleBuffer:
        """Window `w` of `epoch`, without steps before `start_step`."""
        steps = self.plan.steps_of_window(w)
        skip = max(0, start_step - steps.start)
        order = np.concatenate([self.plan.padded(lane, epoch, w) for lane in self.lanes], axis=1)[skip:]
        weights = np.concatenate([self.plan.weights(lane, w) for lane in self.lanes], axis=1)[skip:]
        valid_count = np.array([self.plan.valid_count(step) for step in steps[skip:]], np.int32)
        rows, index = np.unique(order, return_inverse=True)
        return ShuffleBuffer(rows, self._read(rows), index.reshape(order.shape).astype(np.int32), weights, valid_count,
                             epoch, steps.start + skip)

    def _read(self, rows: Rows) -> Arrays:
        """The rows' arrays. They are not read again if one window is the whole epoch: every epoch has the same rows."""
        if self._last is not None and np.array_equal(self._last[0], rows):
            return self._last[1]
        arrays = self.source.read(rows)
        self._last = (rows, arrays)
        return arrays


def _prefetch(loader: _Loader, windows: Iterator[tuple[int, int, int]]) -> Generator[ShuffleBuffer, None, None]:
    def load() -> Generator[ShuffleBuffer, None, None]:
        for window in windows:
            yield loader.load(*window)

    def prefetched() -> Generator[ShuffleBuffer, None, None]:
        with Prefetcher(load(), 1, "read", describe=lambda: loader.source.current_read) as buffers:
            yield from buffers

    return prefetched()


def _gather(buffers: Generator[ShuffleBuffer, None, None]) -> Generator[ArrayBatch, None, None]:
    with closing(buffers):
        for buffer in buffers:
            for i, index in enumerate(buffer.index):
                arrays = {name: values.take(index, axis=0) for name, values in buffer.arrays.items()}
                yield ArrayBatch(arrays, buffer.weights[i], int(buffer.valid_count[i]), buffer.first_step + i,
                                 buffer.epoch)
            del buffer  # frees it before the prefetcher reads the one after next
