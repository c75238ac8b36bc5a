from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from laketrain.features import FeatureSet
from laketrain.feed.rows import RowReader
from laketrain.lake.stores.local import LocalStore

FEATURES = FeatureSet.model_validate({"image": {"kind": "image", "column": "pixels", "shape": [3, 2, 1]},
                                      "label": {"kind": "label", "classes": 250},
                                      "id": {"kind": "key"}})


@dataclass(frozen=True)
class File:
    path: str
    rows: int | None
    row_groups: list[int] | None


@dataclass(frozen=True)
class Split:
    """Files of which row i has the label i % 250, and i in its pixels."""

    root: Path
    files: list[File]
    features: FeatureSet = FEATURES

    def reader(self, *columns: str, threads: int | None = None) -> RowReader:
        return RowReader(LocalStore(str(self.root)), self.files, self.features, columns or ("image", "label"), threads)


def images(rows: np.ndarray) -> np.ndarray:
    """(n, 3, 2, 1): the row's number in the first two pixels."""
    pixels = np.full((len(rows), 6), 7, np.uint8)
    pixels[:, 0], pixels[:, 1] = rows % 256, rows // 256
    return pixels.reshape(-1, 3, 2, 1)


def numbers(tensor: np.ndarray) -> np.ndarray:
    """The rows' numbers, read from their images."""
    pixels = np.asarray(tensor).reshape(*tensor.shape[:-3], 6).astype(np.int64)
    return pixels[..., 0] + 256 * pixels[..., 1]


def write_split(root: Path, cuts: Sequence[Sequence[int]], recorded: bool = True) -> Split:
    """A split of these files, each a list of the rows of its row groups; `recorded` as a lake's entry would."""
    (root / "data").mkdir(parents=True)
    files, first = [], 0
    for index, groups in enumerate(cuts):
        path = f"data/part-{index}.parquet"
        with pq.ParquetWriter(root / path, FEATURES.storage_schema()) as writer:
            for size in groups:
                writer.write_table(table_of(np.arange(first, first + size)), row_group_size=max(1, size))
                first += size
        files.append(File(path, sum(groups), list(groups)) if recorded else File(path, None, None))
    return Split(root, files)


def table_of(rows: np.ndarray) -> pa.Table:
    table = pa.table({"pixels": list(images(rows).reshape(len(rows), 6)), "label": rows % 250,
                      "id": [f"row {row}" for row in rows]})
    return FEATURES.encode_batch(table)[0]
