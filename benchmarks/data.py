"""The data of the benchmarks: images of two kinds with labels, in a lake of their own.

    table = commit_table(Lake(folder), 50_000, files=2)          # integrated/images@1, without Spark
    dataset = convert_table(session_of(2), table)                # features/images@1, split train
    commit_table(Lake(folder), 3_000, files=2, kind=JPEGS)       # integrated/photos@1

`NOISE` can't be compressed, so a row has 3 KB everywhere. `JPEGS` are as large as photos, about 17 KB.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from laketrain.lake import Lake, Version

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

SHAPE, CLASSES = (32, 32, 3), 10
SPLIT = "train"
Images = npt.NDArray[np.uint8]
Labels = npt.NDArray[np.int64]

# Rows are drawn in blocks, each seeded by its number, so that any part of them can be drawn alone.
_BLOCK = 5_000
# Random values a side that are enlarged to a JPEG's size: that makes the file as large as a photo's.
_GRAIN = 28
QUALITY = 90


def draw(rows: int, first: int = 0) -> tuple[Images, Labels]:
    """(rows, 32, 32, 3) images of random bytes and (rows,) labels, from row `first` on."""
    blocks = [_block(number) for number in range(first // _BLOCK, -(-(first + rows) // _BLOCK))]
    part = slice(first % _BLOCK, first % _BLOCK + rows)
    images, labels = (np.concatenate(parts)[part] for parts in zip(*blocks, strict=True))
    return images, labels


def _block(number: int) -> tuple[Images, Labels]:
    random = np.random.default_rng(number)
    return random.integers(0, 256, (_BLOCK, *SHAPE), np.uint8), random.integers(0, CLASSES, _BLOCK)


def _raw(rows: int, first: int) -> list[bytes]:
    return [image.tobytes() for image in draw(rows, first)[0]]


def _jpegs(rows: int, first: int) -> list[bytes]:
    with ThreadPoolExecutor() as pool:
        return list(pool.map(_jpeg, range(first, first + rows)))


def _jpeg(number: int) -> bytes:
    """Encoded by Pillow, which no side uses."""
    from PIL import Image

    grain = np.random.default_rng(number).integers(0, 256, (_GRAIN, _GRAIN, 3), np.uint8)
    content, (height, width, _) = io.BytesIO(), JPEGS.shape
    Image.fromarray(grain).resize((width, height), Image.Resampling.BICUBIC).save(content, "JPEG", quality=QUALITY)
    return content.getvalue()


@dataclass(frozen=True)
class Kind:
    """A kind of images.

    Attributes:
        name: of the table and of the dataset. description: for titles. shape: (h, w, c) of every image.
        settings: of the feature `image`, besides its column and shape.
        pixels: returns the column `pixels` of so many rows from a first one on.
    """

    name: str
    description: str
    shape: tuple[int, int, int]
    settings: Mapping[str, Any]
    pixels: Callable[[int, int], list[bytes]]

    @property
    def declared(self) -> dict[str, dict[str, Any]]:
        """The features, as in the YAML."""
        return {
            "image": {"kind": "image", "column": "pixels", "shape": list(self.shape), **self.settings},
            "label": {"kind": "label", "column": "label", "classes": CLASSES},
            "name": {"kind": "key", "column": "name"},
        }


NOISE = Kind("images", "images of 32×32×3 random bytes", SHAPE, {}, _raw)
JPEGS = Kind("photos", "JPEGs of 224×224×3 smooth noise", (224, 224, 3),
             {"encoded": True, "store": "jpeg"}, _jpegs)


def commit_table(lake: Lake, rows: int, files: int, kind: Kind = NOISE) -> Version:
    """Commits `integrated/images` or `/photos`: pixels as bytes, label, name; in files of equal size."""
    from pyspark.sql import types as T

    schema = T.StructType([T.StructField("pixels", T.BinaryType()), T.StructField("label", T.LongType()),
                           T.StructField("name", T.StringType())])
    with lake.table("integrated", kind.name).stage() as draft:
        for part, indices in enumerate(np.array_split(np.arange(rows), min(files, rows))):
            content = io.BytesIO()
            pq.write_table(_table(kind, len(indices), int(indices[0])), content)
            lake.store.write(draft.path(f"part-{part:05d}.parquet"), content.getvalue())
        return draft.commit(stage="integrate", table_schema=schema.json(), counts={"out": rows})


def convert_table(spark: SparkSession, table: Version, shuffle: bool = False, kind: Kind = NOISE) -> Version:
    """`features/images` or `/photos`, all in one split."""
    from laketrain.convert import convert
    from laketrain.workload import Convert

    config = Convert.model_validate({
        "table": kind.name, "features": kind.declared, "shuffle": shuffle,
        "split": {"by": "name", "fractions": {SPLIT: 1.0}}})
    return convert(spark, table, kind.name, config, key="")


def make_dataset(lake: str, rows: int, cores: int, kind: Kind = NOISE) -> tuple[str, str]:
    """The `ref` of a new dataset in this lake, and the directory of its split; made as users make it."""
    spark = session_of(cores)
    try:
        version = convert_table(spark, commit_table(Lake(lake), rows, cores, kind), kind=kind)
        return version.ref, str(version.lake.store.local(version.path(SPLIT)))
    finally:
        spark.stop()


def session_of(cores: int) -> SparkSession:
    """This process's Spark session, with laketrain's own settings."""
    from laketrain.config.spark import Spark
    from laketrain.spark.session import session

    return session(Spark(master=f"local[{cores}]"), "benchmarks")


def _table(kind: Kind, rows: int, first: int) -> pa.Table:
    pixels = pa.array(kind.pixels(rows, first), pa.binary())
    names = [f"image {index}" for index in range(first, first + rows)]
    return pa.table({"pixels": pixels, "label": draw(rows, first)[1], "name": names})
