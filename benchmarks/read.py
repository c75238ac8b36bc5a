"""Read: an epoch of shuffled batches as tensors, against how Petastorm's users feed Keras and against a bare scan.

All read two columns of the same files. Our batches and Petastorm's are tensors of 128 rows; the scan returns Arrow's
batches. Each side has a process, TensorFlow the same threads. Ours shuffles in a window that is smaller than the data,
so that every epoch is read from the files again. If images are stored as JPEGs, ours and Petastorm's decode them; the
scan doesn't.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.data import NOISE, SPLIT, Kind, make_dataset
from benchmarks.fresh import fresh
from benchmarks.options import Options
from benchmarks.result import Line, Result, at_least, rate
from benchmarks.timing import in_turn, ratio, warm_up

ROWS = 30_000
BATCH = 128
OURS, PETASTORM, SCAN = "laketrain feed", "make_petastorm_dataset, shuffle, batch", "pyarrow scan"
_COLUMNS = ["image", "label"]
EPOCHS = 2
_PART = 0.75


@dataclass(frozen=True)
class Shuffle:
    """The size of the shuffle. Ours is five times Petastorm's buffer; a larger buffer would only slow Petastorm down.

    Attributes:
        window_mb: ours, in MB of decoded rows. buffer: Petastorm's, in rows.
    """

    window_mb: float
    buffer: int


SMALL = Shuffle(window_mb=64, buffer=4096)


def measure(options: Options, kind: Kind = NOISE, rows: int = ROWS, shuffle: Shuffle = SMALL) -> Result:
    rows, lake = options.rows or rows, str(options.folder / "lake")
    with fresh(options.folder, "spark") as spark:
        options.report("making the dataset")
        ref, folder = spark(make_dataset, lake, rows, options.cores, kind)
    window = window_mb(rows, kind.shape, shuffle.window_mb)
    with (fresh(options.folder, "laketrain") as laketrain, fresh(options.folder, "petastorm") as petastorm,
          fresh(options.folder, "pyarrow") as pyarrow):
        sides: dict[str, Callable[[], float]] = {
            OURS: lambda: rows * EPOCHS / laketrain(time_laketrain, lake, ref, window),
            PETASTORM: lambda: rows * EPOCHS / petastorm(time_petastorm, folder, rows, shuffle.buffer),
            SCAN: lambda: rows * EPOCHS / pyarrow(time_scan, folder, rows),
        }
        warm_up(sides, options.report)
        figures = in_turn(sides, options.pairs, options.report)
    return compare(figures, options.title(rows, kind.description))


def compare(figures: Mapping[str, Sequence[float]], title: str) -> Result:
    """Takes rows per second of each round."""
    ours, theirs, scan = figures[OURS], figures[PETASTORM], figures[SCAN]
    return Result("read", title, [
        Line(OURS, rate(ours)),
        Line(PETASTORM, rate(theirs), "vs_petastorm_tf", ratio(ours, theirs), at_least(30)),
        Line(SCAN, rate(scan), "vs_pyarrow_scan", ratio(ours, scan), at_least(0.4)),
    ])


def window_mb(rows: int, shape: tuple[int, int, int], most: float) -> float:
    """The shuffle window in MB: smaller than the data, so that each epoch is read from the files."""
    return min(most, _PART * rows * math.prod(shape) / (1 << 20))


# Each in its own process; they return seconds to the end of the data.


def time_laketrain(lake: str, ref: str, window: float) -> float:
    from laketrain.feed.dataset import Dataset
    from laketrain.imports import import_tensorflow

    import_tensorflow()
    seen, started = 0, time.monotonic()
    with Dataset.at(lake, ref).feed(SPLIT, BATCH, seed=1, window_mb=window) as feed:
        for _, labels, _, _ in feed.batches(epochs=EPOCHS):
            seen += labels.shape[0]
    seconds = time.monotonic() - started
    _check(seen, feed.steps * BATCH * EPOCHS)  # an epoch's last batches are padded
    return seconds


def time_petastorm(folder: str, rows: int, buffer: int) -> float:
    """As in Petastorm's README for Keras, with default settings."""
    from laketrain.imports import import_tensorflow

    import_tensorflow()
    from petastorm import make_reader
    from petastorm.tf_utils import make_petastorm_dataset

    seen, started = 0, time.monotonic()
    with make_reader(Path(folder).as_uri(), schema_fields=_COLUMNS, shuffle_row_groups=True,
                     num_epochs=EPOCHS) as reader:
        for batch in make_petastorm_dataset(reader).shuffle(buffer).batch(BATCH):
            seen += batch.label.shape[0]
    seconds = time.monotonic() - started
    _check(seen, rows * EPOCHS)
    return seconds


def time_scan(folder: str, rows: int) -> float:
    """The time of the disk, Parquet and snappy."""
    from pyarrow.dataset import dataset

    seen, started = 0, time.monotonic()
    for _ in range(EPOCHS):
        files = [str(file) for file in sorted(Path(folder).glob("*.parquet"))]
        seen += sum(batch.num_rows for batch in dataset(files, format="parquet").to_batches(columns=_COLUMNS))
    seconds = time.monotonic() - started
    _check(seen, rows * EPOCHS)
    return seconds


def _check(seen: int, expected: int) -> None:
    if seen != expected:
        raise RuntimeError(f"read {seen} rows of {expected}")
