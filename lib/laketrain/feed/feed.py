"""The batches of a split: from one plan, or from one plan a bucket if rows are stored in buckets by length.

    with dataset.feed("train", batch=128, seed=1) as feed:
        for x, y, sample_weight, count in feed.batches(rank=0, ranks=2, epoch=0): ...

A batch contains rows of one bucket only, so its rows have one length and little padding. The seed decides which bucket
each step takes. It is the same on every rank, so all ranks have the same shapes at the same step.
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
from laketrain.feed.source import RowSource
from laketrain.feed.tensors import Batch, tensor_batches

_MB = 1 << 20
# The random stream of the schedule; streams 0 and 1 are the lanes'.
_SCHEDULE = 2


@dataclass(frozen=True)
class BucketSchedule:
    """Which bucket each step takes. An epoch contains every step of every bucket once.

    Attributes:
        steps: of each bucket, ≥ 1.
        seed: 0 … 2**64 - 1.
        shuffle: False for one bucket after the other.
    """

    steps: tuple[int, ...]
    seed: int = 0
    shuffle: bool = True

    @property
    def total(self) -> int:
        """The number of steps of an epoch."""
        return sum(self.steps)

    def order(self, epoch: int) -> npt.NDArray[np.int64]:
        """(total,) the bucket of each step."""
        return _order(self, epoch)

    def positions(self, epoch: int, start_step: int) -> list[tuple[int, int]]:
        """Each bucket's next (epoch, step) at `start_step`; a bucket without steps left continues in the next epoch."""
        if not 0 <= start_step < self.total:
            raise IndexError(f"start at step {start_step} of {self.total}")
        done = np.bincount(self.order(epoch)[:start_step], minlength=len(self.steps)).tolist()
        return [(epoch + 1, 0) if count == steps else (epoch, count)
                for count, steps in zip(done, self.steps, strict=True)]


@dataclass(frozen=True)
class Feed:
    """A split's plans and row sources, a pair a bucket. A context manager that closes the sources."""

    plans: tuple[LanePlan, ...]
    sources: tuple[RowSource, ...]

    @classmethod
    def of(cls, sources: Sequence[RowSource], batch: int, *, lanes: int | str = "auto", seed: int = 0,
           shuffle: bool = True, window_mb: float = 256) -> Feed:
        """Global batches of `batch` rows, each from one of `sources`: one a bucket.

        Raises:
            DataError, LaunchError: as LanePlan does; the seed is out of range.
        """
        sizes = [(source.rows, source.row_bytes) for source in sources]
        return cls(plan_buckets(sizes, batch, lanes=lanes, seed=seed, shuffle=shuffle,
                                window_bytes=int(window_mb * _MB)), tuple(sources))

    @property
    def rows(self) -> int:
        """The number of rows of the split."""
        return sum(plan.rows for plan in self.plans)

    @property
    def steps(self) -> int:
        """The number of global batches of an epoch."""
        return self.schedule.total

    @property
    def schedule(self) -> BucketSchedule:
        return BucketSchedule(tuple(plan.steps for plan in self.plans), self.plans[0].seed, self.plans[0].shuffle)

    def batches(self, rank: int = 0, ranks: int = 1, epoch: int = 0, start_step: int = 0, epochs: int = 1,
                augment: Augment | None = None) -> Generator[Batch, None, None]:
        """The rank's batches from `start_step` of `epoch` to the end of the last of `epochs` epochs.

        They are those of `laketrain.feed.tensors.tensor_batches`, with its errors.
        """
        if len(self.plans) == 1:
            return tensor_batches(self.plans[0], self.sources[0], rank=rank, ranks=ranks, epoch=epoch,
                                  start_step=start_step, epochs=epochs, augment=augment)
        schedule, end = self.schedule, epoch + epochs
        streams = [_empty() if first == end else
                   tensor_batches(plan, source, rank=rank, ranks=ranks, epoch=first, start_step=step,
                                  epochs=end - first, augment=augment)
                   for plan, source, (first, step) in zip(self.plans, self.sources,
                                                          schedule.positions(epoch, start_step), strict=True)]
        return _interleave(streams, schedule, epoch, start_step, epochs)

    def row_groups(self, rank: int, ranks: int, epoch: int, step: int,
                   mask: npt.NDArray[np.bool_] | None = None) -> dict[str, list[int]]:
        """Path -> row groups of the rank's batch at a step, or of its rows where `mask`, (rank's batch,), is true.

        Computed from the plan: nothing is read.
        """
        order = self.schedule.order(epoch)
        bucket = int(order[step])
        plan, source = self.plans[bucket], self.sources[bucket]
        rows = plan.rows_at(plan.lanes_of(rank, ranks), epoch, int(np.count_nonzero(order[:step] == bucket)))
        return source.row_groups(rows if mask is None else rows[mask])

    def __enter__(self) -> Feed:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        for source in self.sources:
            source.close()


def plan_buckets(sizes: Sequence[tuple[int, int]], batch: int, *, lanes: int | str, seed: int, shuffle: bool,
                 window_bytes: int) -> tuple[LanePlan, ...]:
    """A plan for each of `sizes`, (rows, bytes of a row). They share the window in proportion to their bytes.

    Raises:
        DataError, LaunchError: as LanePlan does; the seed is out of range.
    """
    if not 0 <= seed < 2**64:
        raise LaunchError("feed", "seed", f"got {seed}, expected 0 … 2**64 - 1")
    total = sum(rows * row_bytes for rows, row_bytes in sizes)
    return tuple(LanePlan.of(rows, batch, row_bytes, lanes=lanes, seed=(seed + index * _SEED_STEP) % 2**64,
                             shuffle=shuffle, window_bytes=max(1, window_bytes * rows * row_bytes // max(1, total)))
                 for index, (rows, row_bytes) in enumerate(sizes))


# Gives buckets of equal size different orders.
_SEED_STEP = 0x9E3779B97F4A7C15


def _interleave(streams: Sequence[Generator[Batch, None, None]], schedule: BucketSchedule, epoch: int, start_step: int,
                epochs: int) -> Generator[Batch, None, None]:
    with ExitStack() as stack:
        for stream in streams:
            stack.enter_context(closing(stream))
        for number in range(epoch, epoch + epochs):
            for bucket in schedule.order(number)[start_step if number == epoch else 0:].tolist():
                yield next(streams[bucket])


def _empty() -> Generator[Batch, None, None]:
    yield from ()


@lru_cache(maxsize=8)
def _order(schedule: BucketSchedule, epoch: int) -> npt.NDArray[np.int64]:
    order = np.repeat(np.arange(len(schedule.steps)), schedule.steps)
    if schedule.shuffle:
        key, counter = np.array([schedule.seed, _SCHEDULE], np.uint64), np.array([0, epoch, 0, 0], np.uint64)
        bits = np.random.Philox(key=key, counter=counter)
        order = order[np.argsort(bits.random_raw(len(order)), kind="stable")]
    order.flags.writeable = False
    return order
