"""The batches of a split: of one plan or, where rows are kept apart by length, of one plan a bucket, mixed.

    with dataset.feed("train", batch=128, seed=1) as feed:
        for inputs, targets, weights, real in feed.steps_of(rank=0, ranks=2, epoch=0): ...

Each bucket's rows are batches of their own, so a batch has one length and little padding. The seed says which bucket's
turn it is at each step: the same on every rank, so that all ranks have the same shapes at the same step.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from functools import lru_cache
from types import TracebackType

import numpy as np
import numpy.typing as npt

from laketrain.config.augment import Augment
from laketrain.errors import LaunchError
from laketrain.feed.lanes import LanePlan
from laketrain.feed.rows import RowReader
from laketrain.feed.tensors import Step, tensor_steps

# The first draw of a random stream of its own, apart from those of the lanes.
_TURNS = 2


@dataclass(frozen=True)
class Turns:
    """Which plan has which step: pure numbers. An epoch has every step of every plan once.

    Attributes:
        steps: of each plan, ≥ 1.
        seed: 0 … 2**64 - 1. shuffle: False for one plan after the other.
    """

    steps: tuple[int, ...]
    seed: int = 0
    shuffle: bool = True

    @property
    def total(self) -> int:
        """Steps of an epoch."""
        return sum(self.steps)

    def order(self, epoch: int) -> npt.NDArray[np.int64]:
        """(total,) the plan of each step."""
        return _order(self, epoch)

    def starts(self, epoch: int, start_step: int) -> list[tuple[int, int]]:
        """Where each plan goes on, as (epoch, step), when `start_step` is the next; one that is through begins anew."""
        if not 0 <= start_step < self.total:
            raise IndexError(f"start at step {start_step} of {self.total}")
        done = np.bincount(self.order(epoch)[:start_step], minlength=len(self.steps)).tolist()
        return [(epoch + 1, 0) if seen == steps else (epoch, seen)
                for seen, steps in zip(done, self.steps, strict=True)]


@dataclass(frozen=True)
class Feed:
    """A split's plans and their readers, a pair a bucket; a context manager that closes the readers."""

    plans: tuple[LanePlan, ...]
    readers: tuple[RowReader, ...]

    @property
    def rows(self) -> int:
        """Of the split."""
        return sum(plan.rows for plan in self.plans)

    @property
    def steps(self) -> int:
        """Global batches of an epoch."""
        return self.turns.total

    @property
    def turns(self) -> Turns:
        return Turns(tuple(plan.steps for plan in self.plans), self.plans[0].seed, self.plans[0].shuffle)

    def steps_of(self, rank: int = 0, ranks: int = 1, epoch: int = 0, start_step: int = 0, epochs: int = 1,
                 augment: Augment | None = None) -> Generator[Step, None, None]:
        """The rank's batches from `start_step` of `epoch` to the end of the last of `epochs` epochs.

        As `laketrain.feed.tensors.tensor_steps` gives them, and with its errors.
        """
        if len(self.plans) == 1:
            return tensor_steps(self.plans[0], self.readers[0], rank=rank, ranks=ranks, epoch=epoch,
                                start_step=start_step, epochs=epochs, augment=augment)
        turns, end = self.turns, epoch + epochs
        streams = [_nothing() if first == end else
                   tensor_steps(plan, reader, rank=rank, ranks=ranks, epoch=first, start_step=step,
                                epochs=end - first, augment=augment)
                   for plan, reader, (first, step) in zip(self.plans, self.readers, turns.starts(epoch, start_step),
                                                          strict=True)]
        return _mixed(streams, turns, epoch, start_step, epochs)

    def row_groups(self, rank: int, ranks: int, epoch: int, step: int,
                   chosen: npt.NDArray[np.bool_] | None = None) -> dict[str, list[int]]:
        """Where the rank's batch of a step comes from, the row groups by file; or those of its rows that are `chosen`,
        (rank's batch,). It is reckoned anew: nothing is read for it, and no step carries it along."""
        order = self.turns.order(epoch)
        turn = int(order[step])
        plan, reader = self.plans[turn], self.readers[turn]
        rows = plan.rows_at(plan.lanes_of(rank, ranks), epoch, int(np.count_nonzero(order[:step] == turn)))
        return reader.row_groups(rows if chosen is None else rows[chosen])

    def __enter__(self) -> Feed:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        for reader in self.readers:
            reader.close()


def plans_of(sizes: Sequence[tuple[int, int]], batch: int, *, lanes: int | str, seed: int, shuffle: bool,
             window_bytes: int) -> tuple[LanePlan, ...]:
    """A plan for each of `sizes`, (rows, bytes of a row); each has the part of the window that its bytes are of all.

    Raises:
        DataError, LaunchError: as LanePlan does; a seed out of range.
    """
    if not 0 <= seed < 2**64:
        raise LaunchError("feed", "seed", f"got {seed}, expected 0 … 2**64 - 1")
    whole = sum(rows * row_bytes for rows, row_bytes in sizes)
    return tuple(LanePlan.of(rows, batch, row_bytes, lanes=lanes, seed=(seed + index * _APART) % 2**64, shuffle=shuffle,
                             window_bytes=max(1, window_bytes * rows * row_bytes // max(1, whole)))
                 for index, (rows, row_bytes) in enumerate(sizes))


# So that buckets of equal size don't walk their rows in the same order.
_APART = 0x9E3779B97F4A7C15


def _mixed(streams: Sequence[Generator[Step, None, None]], turns: Turns, epoch: int, start_step: int,
           epochs: int) -> Generator[Step, None, None]:
    with ExitStack() as stack:
        for stream in streams:
            stack.enter_context(closing(stream))
        for number in range(epoch, epoch + epochs):
            for turn in turns.order(number)[start_step if number == epoch else 0:].tolist():
                yield next(streams[turn])


def _nothing() -> Generator[Step, None, None]:
    yield from ()


@lru_cache(maxsize=8)
def _order(turns: Turns, epoch: int) -> npt.NDArray[np.int64]:
    order = np.repeat(np.arange(len(turns.steps)), turns.steps)
    if turns.shuffle:
        key, counter = np.array([turns.seed, _TURNS], np.uint64), np.array([0, epoch, 0, 0], np.uint64)
        bits = np.random.Philox(key=key, counter=counter)
        order = order[np.argsort(bits.random_raw(len(order)), kind="stable")]
    order.flags.writeable = False
    return order
