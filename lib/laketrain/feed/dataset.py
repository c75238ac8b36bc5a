"""A committed dataset, opened by ranks, notebooks and reports.

    dataset = Dataset(lake.table("features", "mnist").latest())
    dataset.splits                      # {'train': 3411, 'val': 429, 'test': 418}
    dataset.sample("train", 8)["image"] # (8, 28, 28, 1) uint8
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from laketrain.errors import DataError, LakeError, nearest
from laketrain.features import FeatureSet
from laketrain.feed.cache import DecodedCache
from laketrain.feed.feed import Feed
from laketrain.feed.lanes import LanePlan
from laketrain.feed.rows import RowReader
from laketrain.lake import Lake, Version
from laketrain.lake.manifests import DatasetManifest

_MB = 1 << 20
FED = ("input", "target", "weight")
"""The roles of the features that a feed reads."""


@dataclass(frozen=True)
class SplitFile:
    """A file of a split, by its path in the lake."""

    path: str
    rows: int | None
    row_groups: list[int] | None


@dataclass(frozen=True)
class Dataset:
    """The splits of one version of `features/<name>`; opening it reads nothing."""

    version: Version

    @classmethod
    def at(cls, lake: str, ref: str) -> Dataset:
        """The dataset `ref`, such as `features/mnist@3`, of the lake at this URL."""
        table, _, number = ref.partition("@")
        zone, _, name = table.partition("/")
        return cls(Lake(lake).table(zone, name).get(int(number)))

    @cached_property
    def manifest(self) -> DatasetManifest:
        """What convert recorded."""
        return DatasetManifest.of(self.version)

    @cached_property
    def features(self) -> FeatureSet:
        """With the statistics of the train split. Raises LakeError if the version has none."""
        if not self.manifest.features:
            raise LakeError("feed", self.version.ref, "records no features, as each dataset does",
                            "make it again by the convert stage")
        return FeatureSet.from_json(json.dumps(self.manifest.features))

    @property
    def splits(self) -> dict[str, int]:
        """Rows by split."""
        return dict(self.version.entry.counts["splits"])

    def rows(self, split: str) -> int:
        """Rows of the split. Raises DataError for an unknown split."""
        if split not in self.splits:
            raise DataError("feed", f"split {split!r} of {self.version.ref}", "does not exist",
                            nearest(split, self.splits))
        return self.splits[split]

    def files(self, split: str) -> list[SplitFile]:
        """The split's Parquet files, in the order of its rows."""
        self.rows(split)
        return [SplitFile(self.version.path(file.path), file.rows, file.row_groups)
                for file in self.version.files(split) if file.path.endswith(".parquet")]

    def reader(self, split: str, columns: Sequence[str] | None = None) -> RowReader:
        """Reads rows of the split by number: inputs and targets by default. Close it.

        Raises DataError if one of the columns has buckets of several lengths, as its rows have no common shape.
        """
        columns = columns if columns is not None else [*self.features.inputs, *self.features.targets]
        for name in columns:
            if self.features[name].buckets:
                raise DataError("feed", f"feature {name!r} of {self.version.ref}", "has rows of several lengths, which "
                                "can't be read as one array", "use feed(), which makes batches of one length each")
        return RowReader(self.version.lake.store, self.files(split), self.features, columns)

    def feed(self, split: str, batch: int, *, lanes: int | str = "auto", seed: int = 0, shuffle: bool = True,
             window_mb: float = 256, cache: DecodedCache | None = None) -> Feed:
        """The split's batches of `batch` rows over all ranks; with buckets, each batch is of one bucket. Close it.

        `cache` stores decoded images.
        """
        columns = [name for name, feature in self.features.items() if feature.role in FED]
        readers = [RowReader(self.version.lake.store, files, self.features.for_bucket(bucket), columns, cache=cache)
                   for bucket, files in self.buckets(split)]
        return Feed.of(readers, batch, lanes=lanes, seed=seed, shuffle=shuffle, window_mb=window_mb)

    def buckets(self, split: str) -> list[tuple[int, list[SplitFile]]]:
        """(bucket, files) pairs of the split, without empty buckets; a dataset without buckets has bucket 0 only."""
        files = self.files(split)
        counts = self.manifest.bucket_files.get(split) or [len(files)]
        ends = np.cumsum(counts)
        parts = [(bucket, files[end - count:end]) for bucket, (count, end) in enumerate(zip(counts, ends, strict=True))]
        return [(bucket, part) for bucket, part in parts if part] or [(0, files)]

    def plan(self, split: str, batch: int, *, lanes: int | str = "auto", seed: int = 0, shuffle: bool = True,
             window_mb: float = 256) -> LanePlan:
        """The order of the split's rows in global batches."""
        row_bytes = self.features.row_bytes([*self.features.inputs, *self.features.targets])
        return LanePlan.of(self.rows(split), batch, row_bytes, lanes=lanes, seed=seed, shuffle=shuffle,
                           window_bytes=int(window_mb * _MB))

    def sample(self, split: str = "train", rows: int = 16, seed: int = 0) -> dict[str, npt.NDArray[Any]]:
        """Every feature of random rows, drawn by `seed`: name -> (rows, *shape), fewer if the split has fewer."""
        drawn = np.sort(np.random.default_rng(seed).permutation(self.rows(split))[:rows])
        parts, first = list[dict[str, npt.NDArray[Any]]](), 0
        for bucket, files in self.buckets(split):
            features = self.features.for_bucket(bucket)
            with RowReader(self.version.lake.store, files, features, list(features)) as reader:
                local = drawn[(drawn >= first) & (drawn < first + reader.rows)] - first
                parts.append(reader.read(local))
                first += reader.rows
        return {name: _concatenate([part[name] for part in parts]) for name in self.features}

    def show(self, split: str = "train", rows: int = 16) -> Any:
        """Draws random rows. Returns the matplotlib figure, which notebooks display."""
        from laketrain.feed.show import draw

        return draw(self.sample(split, rows), self.features, f"{self.version.ref}, split {split}")


def _concatenate(parts: list[npt.NDArray[Any]]) -> npt.NDArray[Any]:
    """One array of all parts, padded with zeros to the longest row."""
    longest = max(parts, key=lambda part: part.shape[1:])
    if all(part.shape[1:] == longest.shape[1:] for part in parts):
        return np.concatenate(parts)
    out = np.zeros((sum(len(part) for part in parts), *longest.shape[1:]), longest.dtype)
    for part, end in zip(parts, np.cumsum([len(part) for part in parts]), strict=True):
        out[end - len(part):end, : part.shape[1]] = part
    return out
