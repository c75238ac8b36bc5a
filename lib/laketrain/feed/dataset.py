"""A committed dataset, as ranks, notebooks and reports open it.

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

from laketrain.errors import DataError, nearest
from laketrain.features import FeatureSet
from laketrain.feed.cache import DecodedCache
from laketrain.feed.feed import Feed, plans_of
from laketrain.feed.lanes import LanePlan
from laketrain.feed.rows import RowReader
from laketrain.lake import Lake, Version

_MB = 1 << 20
FED = ("input", "target", "weight")
"""The roles that training sees."""


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
        """The dataset named as `features/mnist@3` in the lake at this URL: how ranks are told what to read."""
        table, _, number = ref.partition("@")
        zone, _, name = table.partition("/")
        return cls(Lake(lake).table(zone, name).get(int(number)))

    @cached_property
    def features(self) -> FeatureSet:
        """With what was learnt on the train split."""
        return FeatureSet.from_json(json.dumps(self.version.entry.meta["features"]))

    @property
    def splits(self) -> dict[str, int]:
        """Rows by split."""
        return dict(self.version.entry.counts["splits"])

    def rows(self, split: str) -> int:
        """Of the split. Raises DataError for an unknown one."""
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
        """Reads rows of the split by number: inputs and targets, unless `columns` names others. Close it.

        Raises DataError where one of them is kept apart by length: its rows have no one shape.
        """
        wanted = columns if columns is not None else [*self.features.inputs, *self.features.targets]
        for name in wanted:
            if self.features[name].buckets:
                raise DataError("feed", f"feature {name!r} of {self.version.ref}", "has rows of several lengths, which "
                                "can't be read as one array", "use feed(), which makes batches of one length each")
        return RowReader(self.version.lake.store, self.files(split), self.features, wanted)

    def feed(self, split: str, batch: int, *, lanes: int | str = "auto", seed: int = 0, shuffle: bool = True,
             window_mb: float = 256, cache: DecodedCache | None = None) -> Feed:
        """The split's batches of `batch` rows over all ranks; with buckets, each batch of one of them. Close it.

        `cache` keeps what was decoded of compressed images.
        """
        parts = [(self.features.at(bucket), files) for bucket, files in self.buckets(split)]
        fed = [name for name, feature in self.features.items() if feature.role in FED]
        sizes = [(sum(file.rows or 0 for file in files), features.row_bytes(fed)) for features, files in parts]
        plans = plans_of(sizes, batch, lanes=lanes, seed=seed, shuffle=shuffle, window_bytes=int(window_mb * _MB))
        store = self.version.lake.store
        return Feed(plans, tuple(RowReader(store, files, features, fed, cache=cache) for features, files in parts))

    def buckets(self, split: str) -> list[tuple[int, list[SplitFile]]]:
        """The split's files by bucket of length, without empty ones; a single bucket 0 where there are none."""
        files = self.files(split)
        counts = self.version.entry.meta.get("bucket_files", {}).get(split) or [len(files)]
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
        """Every feature of some rows drawn by `seed`: name -> (rows, *shape), fewer where the split has fewer."""
        drawn = np.sort(np.random.default_rng(seed).permutation(self.rows(split))[:rows])
        found, first = list[dict[str, npt.NDArray[Any]]](), 0
        for bucket, files in self.buckets(split):
            with RowReader(self.version.lake.store, files, self.features.at(bucket), list(self.features)) as reader:
                mine = drawn[(drawn >= first) & (drawn < first + reader.rows)] - first
                found.append(reader.read(mine))
                first += reader.rows
        return {name: _stacked([part[name] for part in found]) for name in self.features}

    def show(self, split: str = "train", rows: int = 16) -> Any:
        """Draws some rows: each image above its label. Returns the matplotlib figure, which notebooks display."""
        from laketrain.feed.show import draw

        return draw(self.sample(split, rows), self.features, f"{self.version.ref}, split {split}")


def _stacked(parts: list[npt.NDArray[Any]]) -> npt.NDArray[Any]:
    """Parts of several lengths as one array, the shorter ones filled up with zeros."""
    longest = max(parts, key=lambda part: part.shape[1:])
    if all(part.shape[1:] == longest.shape[1:] for part in parts):
        return np.concatenate(parts)
    out = np.zeros((sum(len(part) for part in parts), *longest.shape[1:]), longest.dtype)
    for part, end in zip(parts, np.cumsum([len(part) for part in parts]), strict=True):
        out[end - len(part):end, : part.shape[1]] = part
    return out
