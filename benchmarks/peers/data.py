"""Images that can be learnt: ten patterns, each shifted at random, under noise; the same rows for both sides.

    images, labels = draw(20_000)
    commit_rows(Lake(folder), 20_000, files=2)      # ours: integrated/peers@1, pixels as bytes
    write_vectors(Path(folder), 20_000, files=2)    # theirs: Parquet of lists of floats, for its vectors
"""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.data import CLASSES, SHAPE, Images, Labels
from laketrain.lake import Lake, Version

NAME = "peers"
# Strength of patterns and noise: the network predicts nearly all rows after some epochs, not all after one.
_PATTERN, _NOISE, _MOST_SHIFT = 22.0, 60.0, 3


def draw(rows: int, seed: int = 0) -> tuple[Images, Labels]:
    """(rows, 32, 32, 3) images and (rows,) labels."""
    random = np.random.default_rng(seed)
    height, width, channels = SHAPE
    coarse = random.standard_normal((CLASSES, height // 4, width // 4, channels))
    patterns = _PATTERN * coarse.repeat(4, axis=1).repeat(4, axis=2)
    labels = random.integers(0, CLASSES, rows)
    images = np.empty((rows, *SHAPE), np.uint8)
    for row, (label, shift) in enumerate(zip(labels, random.integers(-_MOST_SHIFT, _MOST_SHIFT + 1, (rows, 2)),
                                             strict=True)):
        noisy = np.roll(patterns[label], shift, axis=(0, 1)) + random.normal(128, _NOISE, SHAPE)
        images[row] = noisy.clip(0, 255)
    return images, labels


def commit_rows(lake: Lake, rows: int, files: int) -> Version:
    """`integrated/peers`: pixels as bytes, label, name."""
    from pyspark.sql import types as T

    schema = T.StructType([T.StructField("pixels", T.BinaryType()), T.StructField("label", T.LongType()),
                           T.StructField("name", T.StringType())])

    def table(images: Images, labels: Labels, first: int) -> pa.Table:
        return pa.table({"pixels": pa.array([image.tobytes() for image in images], pa.binary()), "label": labels,
                         "name": [f"image {first + row}" for row in range(len(images))]})

    with lake.table("integrated", NAME).stage() as draft:
        for name, content in _files(rows, files, table):
            lake.store.write(draft.path(name), content)
        return draft.commit(stage="integrate", table_schema=schema.json(), counts={"out": rows})


def write_vectors(folder: Path, rows: int, files: int) -> None:
    """Parquet files of `features`, 3,072 floats from 0 to 255, and `label`, one-hot."""
    def table(images: Images, labels: Labels, first: int) -> pa.Table:
        return pa.table({"features": _lists(images.reshape(len(images), -1).astype(np.float64)),
                         "label": _lists(np.eye(CLASSES)[labels])})

    folder.mkdir(parents=True)
    for name, content in _files(rows, files, table):
        (folder / name).write_bytes(content)


def _files(rows: int, files: int, table: Callable[[Images, Labels, int], pa.Table]) -> list[tuple[str, bytes]]:
    images, labels = draw(rows)
    result = []
    for part, indices in enumerate(np.array_split(np.arange(rows), files)):
        content, part_rows = io.BytesIO(), slice(int(indices[0]), int(indices[-1]) + 1)
        pq.write_table(table(images[part_rows], labels[part_rows], int(indices[0])), content)
        result.append((f"part-{part:05d}.parquet", content.getvalue()))
    return result


def _lists(values: np.ndarray) -> pa.Array:
    ends = np.arange(len(values) + 1, dtype=np.int32) * values.shape[1]
    return pa.ListArray.from_arrays(pa.array(ends), pa.array(values.reshape(-1)))
