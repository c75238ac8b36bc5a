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
from laketrain.feed.lanes import LanePlan
from laketrain.feed.rows import RowReader
from laketrain.lake import Lake, Version

_MB = 1 << 20


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
        """Reads rows of the split by number: inputs and targets, unless `columns` names others. Close it."""
        wanted = columns if columns is not None else [*self.features.inputs, *self.features.targets]
        return RowReader(self.version.lake.store, self.files(split), self.features, wanted)

    def plan(self, split: str, batch: int, *, lanes: int | str = "auto", seed: int = 0, shuffle: bool = True,
             window_mb: float = 256) -> LanePlan:
        """The order of the split's rows in global batches."""
        row_bytes = self.features.row_bytes([*self.features.inputs, *self.features.targets])
        return LanePlan.of(self.rows(split), batch, row_bytes, lanes=lanes, seed=seed, shuffle=shuffle,
                           window_bytes=int(window_mb * _MB))

    def sample(self, split: str = "train", rows: int = 16, seed: int = 0) -> dict[str, npt.NDArray[Any]]:
        """Every feature of some rows drawn by `seed`: name -> (rows, *shape), fewer where the split has fewer."""
        with self.reader(split, list(self.features)) as reader:
            drawn = np.random.default_rng(seed).permutation(self.rows(split))[:rows]
            return reader.read(np.sort(drawn))

    def show(self, split: str = "train", rows: int = 16) -> Any:
        """Draws some rows: each image above its label. Returns the matplotlib figure, which notebooks display."""
        from laketrain.feed.show import draw

        return draw(self.sample(split, rows), self.features, f"{self.version.ref}, split {split}")
