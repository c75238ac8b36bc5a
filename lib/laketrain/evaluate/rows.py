"""Reads rows of a split as arrays, bucket by bucket, without reading the whole split.

    for numbers, arrays in batches(dataset, "test", ["image", "label"], first=0, end=61, batch=16): ...
    for numbers, arrays in read_rows(dataset, "train", ["image"], numbers): ...
    numbers = rows_that_count(dataset, "train", most=5_000)       # those with a weight above 0
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from laketrain.errors import DataError
from laketrain.features import FeatureSet
from laketrain.feed.dataset import Dataset
from laketrain.feed.rows import RowReader
from laketrain.tasks.sampling import spread

Arrays = dict[str, npt.NDArray[Any]]
_WEIGHT_BATCH = 1 << 16


def batches(dataset: Dataset, split: str, columns: Sequence[str], first: int, end: int,
            batch: int) -> Iterator[tuple[npt.NDArray[np.int64], Arrays]]:
    """Rows `first` … `end` of the split in order, at most `batch` of one bucket at once: the rows' numbers, and
    name -> (n, *shape)."""
    for start, reader in _readers(dataset, split, columns):
        low, high = max(first, start), min(end, start + reader.rows)
        for begin in range(low, high, batch):
            numbers = np.arange(begin, min(begin + batch, high))
            yield numbers, reader.read(numbers - start)


def read_rows(dataset: Dataset, split: str, columns: Sequence[str],
              numbers: npt.NDArray[np.int64]) -> Iterator[tuple[npt.NDArray[np.int64], Arrays]]:
    """The rows with these ascending numbers, bucket by bucket."""
    for start, reader in _readers(dataset, split, columns):
        in_bucket = numbers[(numbers >= start) & (numbers < start + reader.rows)]
        if len(in_bucket):
            yield in_bucket, reader.read(in_bucket - start)


def weights_of(features: FeatureSet, arrays: Arrays) -> npt.NDArray[np.float64] | None:
    """The weights (n,) of the rows in `arrays`; None if the dataset has none.

    Raises:
        DataError: a weight is negative or not a number. Convert refuses such rows; other writers of Parquet may not.
    """
    if features.weight is None:
        return None
    weights = np.asarray(arrays[features.weight], np.float64)
    if not (np.isfinite(weights) & (weights >= 0)).all():
        bad = weights[~(np.isfinite(weights) & (weights >= 0))][0]
        raise DataError("evaluate", f"weight {features.weight!r}", f"is {bad} in a row, expected a number from 0 on",
                        "convert the dataset again: it refuses such rows")
    return weights


def rows_that_count(dataset: Dataset, split: str, most: int) -> npt.NDArray[np.int64]:
    """Ascending numbers of at most `most` rows with a weight above 0, spread evenly over all such rows of the split.

    Raises:
        DataError: there are none.
    """
    rows, name = dataset.rows(split), dataset.features.weight
    if name is None:
        return spread(rows, most)
    parts = [numbers[np.asarray(weights_of(dataset.features, arrays)) > 0]
             for numbers, arrays in batches(dataset, split, [name], 0, rows, _WEIGHT_BATCH)]
    counted = np.concatenate([*parts, np.zeros(0, np.int64)])
    if not len(counted):
        raise DataError("evaluate", f"split {split!r} of {dataset.version.ref}", f"has weight 0 in all its {rows} rows",
                        f"give some rows a weight {name!r} above 0, or measure another split")
    return counted[spread(len(counted), most)]


def _readers(dataset: Dataset, split: str, columns: Sequence[str]) -> Iterator[tuple[int, RowReader]]:
    """Each bucket's reader, with the number of its first row."""
    start = 0
    for bucket, files in dataset.buckets(split):
        with RowReader(dataset.version.lake.store, files, dataset.features.for_bucket(bucket), columns) as reader:
            yield start, reader
            start += reader.rows
