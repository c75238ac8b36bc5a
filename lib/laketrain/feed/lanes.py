"""Lanes: the order of samples, computed from integers. It is the same for any number of ranks and any file layout.

A split's rows are cut into equal intervals, the lanes. Each lane shuffles its own rows. Global batch k consists of the
k-th slice of every lane, and a rank owns consecutive lanes. So the global batches depend on rows, batch, lanes and seed
alone.

    plan = LanePlan.of(rows=60_000, batch=128, row_bytes=784, seed=1)
    plan.steps                         # 469, on every rank
    plan.window(lane=3, epoch=0, w=0)  # the rows that lane 3 trains on first, in that order

Shuffling reads no more than a window at a time. A lane's rows form a ring that starts at a random row. The ring is cut
into blocks, the blocks are permuted, and the rows of a few consecutive blocks (the window) are permuted together.
Blocks don't depend on row groups. Memory: a window's rows, and 8 bytes a block.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from laketrain.config.lanes import MOST_LANES, auto_lanes, divisors
from laketrain.errors import DataError, LaunchError

Rows = npt.NDArray[np.int64]

# Each kind of draw has its own random stream. Stream 2 is the BucketSchedule's.
_RING, _WINDOW = 0, 1


@dataclass(frozen=True)
class LanePlan:
    """The order of samples of a split.

    Args:
        rows: of the split, ≥ 1.
        batch: rows of a global batch, over all ranks.
        lanes: divides `batch`; the ranks must divide it.
        block_rows: rows of a block, a multiple of `batch // lanes`.
        window_blocks: blocks of a lane that are shuffled and in memory together.
        seed: 0 … 2**64 - 1.
        shuffle: False for the order of storage.

    Raises:
        DataError: there are no rows.
        LaunchError: an argument is out of range, or isn't a multiple as required above.
    """

    rows: int
    batch: int
    lanes: int
    block_rows: int
    window_blocks: int
    seed: int = 0
    shuffle: bool = True

    def __post_init__(self) -> None:
        if self.rows < 1:
            raise DataError("feed", "the split to read", f"has {self.rows} rows, expected at least 1",
                            "look at the split's fractions and at the quarantine")
        if self.batch < 1:
            raise LaunchError("feed", "batch", f"got {self.batch}, expected at least 1")
        if self.lanes < 1 or self.batch % self.lanes:
            raise LaunchError("feed", "lanes", f"{self.lanes} lanes do not divide a batch of {self.batch}",
                              f"take lanes from {divisors(self.batch)}, or leave `lanes: auto`")
        if self.block_rows < 1 or self.block_rows % self.slice or self.window_blocks < 1:
            raise LaunchError("feed", "blocks", f"got {self.window_blocks} blocks of {self.block_rows} rows a window, "
                              f"expected at least one, of a multiple of {self.slice} rows (batch / lanes)")
        if not 0 <= self.seed < 2**64:
            raise LaunchError("feed", "seed", f"got {self.seed}, expected 0 … 2**64 - 1")

    @classmethod
    def of(cls, rows: int, batch: int, row_bytes: int, lanes: int | str = "auto", seed: int = 0, shuffle: bool = True,
           block_bytes: int = 8 << 20, window_bytes: int = 256 << 20) -> LanePlan:
        """A plan whose windows, all lanes together, take about `window_bytes` of decoded rows (`row_bytes` each)."""
        count = _lane_count(batch, lanes)
        if batch < 1 or count < 1:
            return cls(rows, batch, count, 1, 1, seed, shuffle)  # raises
        slice_rows, row = max(1, batch // count), max(1, row_bytes)
        lane_bytes = max(1, window_bytes // count)
        block_rows = max(1, min(block_bytes, lane_bytes) // (row * slice_rows)) * slice_rows
        return cls(rows, batch, count, block_rows, max(1, lane_bytes // (row * block_rows)), seed, shuffle)

    @property
    def slice(self) -> int:
        """Rows of each lane in a global batch."""
        return self.batch // self.lanes

    @property
    def steps(self) -> int:
        """Global batches of an epoch; the last ones may contain padding."""
        return -(-self._longest // self.slice)

    @property
    def window_steps(self) -> int:
        """Steps of a window; the last window may be shorter."""
        return self.window_blocks * self.block_rows // self.slice

    @property
    def window_count(self) -> int:
        """Windows of an epoch, in every lane; a short lane's last one may be empty."""
        return -(-self.steps // self.window_steps)

    def lanes_of(self, rank: int, ranks: int) -> range:
        """The consecutive lanes of a rank: concatenated in rank order, the ranks' batches are the global batch.

        Raises:
            LaunchError: the ranks don't divide the lanes.
        """
        if ranks < 1 or self.lanes % ranks:
            better = [lanes for lanes in divisors(self.batch) if ranks >= 1 and lanes % ranks == 0]
            other = (f", or set `lanes: {min(better, key=lambda lanes: abs(lanes - MOST_LANES))}`" if better else
                     f", or a batch that is a multiple of {ranks}" if ranks >= 1 else "")
            raise LaunchError("feed", "ranks", f"{ranks} ranks do not divide {self.lanes} lanes "
                              f"(a batch of {self.batch})", f"use {_or(divisors(self.lanes))} ranks{other}")
        if not 0 <= rank < ranks:
            raise LaunchError("feed", "rank", f"got rank {rank} of {ranks}, expected 0 … {ranks - 1}")
        share = self.lanes // ranks
        return range(rank * share, (rank + 1) * share)

    def lane_bounds(self, lane: int) -> tuple[int, int]:
        """The lane's first global row, and the one after its last. Lengths differ by at most 1."""
        if not 0 <= lane < self.lanes:
            raise IndexError(f"lane {lane} of {self.lanes}")
        return lane * self.rows // self.lanes, (lane + 1) * self.rows // self.lanes

    def steps_of_window(self, w: int) -> range:
        """The steps of window `w`."""
        if not 0 <= w < self.window_count:
            raise IndexError(f"window {w} of {self.window_count}")
        return range(w * self.window_steps, min((w + 1) * self.window_steps, self.steps))

    def window(self, lane: int, epoch: int, w: int) -> Rows:
        """The global rows that the lane trains on in window `w`, in that order, without padding; may be empty."""
        first, length = self._span(lane)
        steps = self.steps_of_window(w)
        start, stop = min(steps.start * self.slice, length), min(steps.stop * self.slice, length)
        if not self.shuffle or start == stop:
            return np.arange(first + start, first + stop, dtype=np.int64)
        offset, blocks = _ring(self, epoch, lane)
        window = blocks[w * self.window_blocks : (w + 1) * self.window_blocks]
        positions = (window[:, None] * self.block_rows + np.arange(self.block_rows)).reshape(-1)
        positions = positions[positions < length]
        return first + (offset + positions[_permutation(self, _WINDOW, epoch, lane, w, len(positions))]) % length

    def padded(self, lane: int, epoch: int, w: int) -> Rows:
        """`window`, padded to whole steps: (steps, slice) global rows.

        Padding repeats rows of the window, or the lane's first row if the window is empty. Its weight is 0. It depends
        on the lane, not on the rank, so that padded batches are also the same for any number of ranks.
        """
        rows = self.window(lane, epoch, w)
        if not len(rows):
            rows = np.array([self.lane_bounds(lane)[0]], np.int64)  # this row exists: the last lane is never empty
        steps = self.steps_of_window(w)
        return np.resize(rows, (len(steps), self.slice))

    def weights(self, lane: int, w: int) -> npt.NDArray[np.float32]:
        """(steps, slice) of `padded`: 1 for a row of the lane, 0 for padding."""
        steps = self.steps_of_window(w)
        positions = np.arange(steps.start * self.slice, steps.stop * self.slice).reshape(-1, self.slice)
        return (positions < self._span(lane)[1]).astype(np.float32)

    def rows_at(self, lanes: range, epoch: int, step: int) -> Rows:
        """(rank's batch,) the global rows of a step's batch in these lanes, in its order, with padding."""
        w = step // self.window_steps
        index = step - w * self.window_steps
        return np.concatenate([self.padded(lane, epoch, w)[index] for lane in lanes])

    def valid_count(self, step: int) -> int:
        """Rows of global batch `step` without padding, over all lanes: the divisor of a mean over the batch."""
        if not 0 <= step < self.steps:
            raise IndexError(f"step {step} of {self.steps}")
        short, extra = divmod(self.rows, self.lanes)
        start = step * self.slice
        return int(np.clip(short + 1 - start, 0, self.slice) * extra
                   + np.clip(short - start, 0, self.slice) * (self.lanes - extra))

    def order(self, lane: int, epoch: int) -> Rows:
        """All of the lane's rows in training order, in one array: for tests and small data."""
        return np.concatenate([self.window(lane, epoch, w) for w in range(self.window_count)])

    @property
    def _longest(self) -> int:
        return -(-self.rows // self.lanes)

    def _span(self, lane: int) -> tuple[int, int]:
        first, end = self.lane_bounds(lane)
        return first, end - first


@lru_cache(maxsize=64)
def _ring(plan: LanePlan, epoch: int, lane: int) -> tuple[int, Rows]:
    """Start of the lane's ring, and the order of its blocks: the full ones permuted, the short one last."""
    first, end = plan.lane_bounds(lane)
    length = end - first
    full = length // plan.block_rows
    offset = int(_raw(plan, _RING, epoch, lane, 0, 1)[0] % np.uint64(length))
    blocks = np.arange(-(-length // plan.block_rows), dtype=np.int64)
    blocks[:full] = _permutation(plan, _RING, epoch, lane, 1, full)
    blocks.flags.writeable = False
    return offset, blocks


def _permutation(plan: LanePlan, purpose: int, epoch: int, lane: int, index: int, length: int) -> Rows:
    # From raw bits: NumPy keeps those stable, while its own `permutation` may change between releases.
    return np.argsort(_raw(plan, purpose, epoch, lane, index, length), kind="stable")


def _raw(plan: LanePlan, purpose: int, epoch: int, lane: int, index: int, length: int) -> npt.NDArray[np.uint64]:
    """Random bits that depend on seed, purpose, epoch, lane and window alone. No state, so any order of calls."""
    key = np.array([plan.seed, purpose], np.uint64)
    counter = np.array([0, epoch, lane, index], np.uint64)  # the first word counts the draws
    return np.asarray(np.random.Philox(key=key, counter=counter).random_raw(length), np.uint64)


def _lane_count(batch: int, lanes: int | str) -> int:
    if isinstance(lanes, int):
        return lanes
    if lanes != "auto":
        raise LaunchError("feed", "lanes", f"got {lanes!r}, expected a whole number or auto")
    return auto_lanes(batch)


def _or(numbers: list[int]) -> str:
    return str(numbers[0]) if len(numbers) == 1 else f"{', '.join(map(str, numbers[:-1]))} or {numbers[-1]}"
