"""Petastorm datasets, of any version of Petastorm: their schema, their files, their rows.

    dataset = PetastormDataset.at("hdfs://nn/data/cars")
    dataset.features                                        # {'image': …, 'speed': …}
    dataset.sample(8)["image"]
    with dataset.feed(batch=128, inputs=["image"], targets=["speed"], seed=1) as feed: ...

Reading them needs neither Petastorm nor PySpark (see `petastorm_schema`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from urllib.parse import unquote

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from laketrain.errors import DataError
from laketrain.features import FeatureSet
from laketrain.features.stored import SCHEMA_KEY, Stored
from laketrain.feed.feed import Feed
from laketrain.feed.petastorm_schema import stored_features
from laketrain.feed.rows import FileStore, RowReader
from laketrain.lake import Store, open_store


@dataclass(frozen=True)
class PetastormFile:
    """A Parquet file. `constants` are the (name, value) pairs in its path: all its rows have them (`part=3/`)."""

    path: str
    constants: tuple[tuple[str, str], ...] = ()
    rows: int | None = None
    row_groups: Sequence[int] | None = None


class PetastormReader(RowReader):
    """Reads rows by number. Adds the columns that are in the files' paths, as text."""

    def __init__(self, store: FileStore, files: Sequence[PetastormFile], features: FeatureSet,
                 columns: Sequence[str]) -> None:
        self._constants = [dict(file.constants) for file in files]
        super().__init__(store, files, features, columns)

    def _table(self, thread: int, index: int, group: int, rows: int, columns: Sequence[str]) -> pa.Table:
        constants = {name: value for name, value in self._constants[index].items() if name in columns}
        table = super()._table(thread, index, group, rows, [name for name in columns if name not in constants])
        for name, value in constants.items():
            column = pa.array([value] * rows, pa.string())
            table = table.append_column(name, column) if table.num_columns else pa.table({name: column})
        return table


@dataclass(frozen=True)
class PetastormDataset:
    """A dataset written with `petastorm.materialize_dataset`. Opening it reads its schema only."""

    url: str
    store: Store
    files: tuple[PetastormFile, ...]
    features: FeatureSet

    @classmethod
    def at(cls, url: str) -> PetastormDataset:
        """Raises DataError if there is no such dataset, or its schema can't be read or can't be trusted."""
        parent, _, name = url.rstrip("/").rpartition("/")
        store = open_store(parent or ".")
        paths = sorted(info.path for info in store.list(name, recursive=True))
        if f"{name}/_common_metadata" not in paths:
            raise DataError("feed", f"dataset {url}", "has no _common_metadata, so it isn't a Petastorm dataset",
                            "give the directory that petastorm.materialize_dataset was given; read plain Parquet as a "
                            "source")
        files = tuple(_file(path) for path in paths if _is_data(path[len(name) + 1:]))
        return cls(url, store, files, _features(url, store.read(f"{name}/_common_metadata")))

    @cached_property
    def rows(self) -> int:
        """Of all files, from their footers."""
        with self.reader([]) as reader:
            return reader.rows

    def reader(self, columns: Sequence[str] | None = None, features: FeatureSet | None = None) -> PetastormReader:
        """Reads rows by number, in the order of the files' names; all columns by default. Close it."""
        features = features or self.features
        return PetastormReader(self.store, self.files, features, list(features) if columns is None else columns)

    def sample(self, rows: int = 16, seed: int = 0) -> dict[str, npt.NDArray[Any]]:
        """Every column of random rows, drawn by `seed`: name -> (rows, *shape), fewer if the dataset has fewer."""
        with self.reader() as reader:
            return reader.read(np.sort(np.random.default_rng(seed).permutation(reader.rows)[:rows]))

    def show(self, rows: int = 16) -> Any:
        """Draws random rows. Returns the matplotlib figure, which notebooks display."""
        from laketrain.feed.show import draw

        return draw(self.sample(rows), self.features, self.url)

    def feed(self, batch: int, inputs: Sequence[str], targets: Sequence[str], *, lanes: int | str = "auto",
             seed: int = 0, shuffle: bool = True, window_mb: float = 256) -> Feed:
        """Batches of these columns, as `Dataset.feed` makes them: the same for any number of ranks. Close it.

        Raises DataError if a column has rows of several shapes, or nulls.
        """
        roles = {**dict.fromkeys(inputs, "input"), **dict.fromkeys(targets, "target")}
        features = FeatureSet.of({name: self._as_tensor(name, role) for name, role in roles.items()})
        return Feed.of([self.reader(features=features)], batch, lanes=lanes, seed=seed, shuffle=shuffle,
                       window_mb=window_mb)

    def _as_tensor(self, name: str, role: str) -> Stored:
        feature = self.features[name]
        assert isinstance(feature, Stored)
        if not feature.uniform:
            what = "may be null" if feature.nullable else f"has rows of {feature.dtype_name} {feature.sizes}"
            raise DataError("feed", f"column {name!r} of {self.url}", f"{what}, which a tensor can't hold",
                            "read it with reader(), and convert it; or feed another column")
        return feature.model_copy(update={"role": role})


def _is_data(path: str) -> bool:
    return path.endswith(".parquet") and not any(part.startswith(("_", ".")) for part in path.split("/"))


def _file(path: str) -> PetastormFile:
    """With the columns that Spark's `partitionBy` put into directories' names."""
    pairs = [part.split("=", 1) for part in path.split("/")[:-1] if "=" in part]
    return PetastormFile(path, tuple((name, unquote(value)) for name, value in pairs))


def _features(url: str, content: bytes) -> FeatureSet:
    subject = f"{url}/_common_metadata"
    try:
        metadata = pq.read_metadata(pa.BufferReader(content)).metadata or {}
    except (OSError, pa.ArrowException) as error:
        raise DataError("feed", subject, f"isn't a readable Parquet file: {error}") from error
    saved = metadata.get(SCHEMA_KEY)
    if saved is None:
        raise DataError("feed", subject, "contains no Petastorm schema",
                        "regenerate it with Petastorm's petastorm-generate-metadata.py")
    return stored_features(saved, subject)
