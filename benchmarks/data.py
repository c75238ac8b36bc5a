"""The data of the benchmarks: 32×32×3 uint8 images of random bytes, as many labels, in a lake of their own.

    table = commit_table(Lake(folder), 50_000, files=2)   # integrated/images@1, without Spark
    dataset = convert_table(session_of(2), table)         # features/images@1, split train

Random bytes can't be compressed, so a row costs its 3 KB on every road.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from laketrain.features import FeatureSet
from laketrain.lake import Lake, Version

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

SHAPE, CLASSES = (32, 32, 3), 10
SPLIT = "train"
DATASET = "images"

DECLARED: dict[str, dict[str, Any]] = {
    "image": {"kind": "image", "column": "pixels", "shape": list(SHAPE)},
    "label": {"kind": "label", "column": "label", "classes": CLASSES},
    "name": {"kind": "key", "column": "name"},
}


def draw(rows: int, seed: int = 0) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
    """(rows, 32, 32, 3) images and (rows,) labels."""
    random = np.random.default_rng(seed)
    return random.integers(0, 256, (rows, *SHAPE), np.uint8), random.integers(0, CLASSES, rows)


def commit_table(lake: Lake, rows: int, files: int) -> Version:
    """`integrated/images`: pixels as raw bytes, label, name; in files of equal size."""
    from pyspark.sql import types as T

    images, labels = draw(rows)
    schema = T.StructType([T.StructField("pixels", T.BinaryType()), T.StructField("label", T.LongType()),
                           T.StructField("name", T.StringType())])
    with lake.table("integrated", DATASET).stage() as draft:
        for part, places in enumerate(np.array_split(np.arange(rows), min(files, rows))):
            content = io.BytesIO()
            pq.write_table(_table(images[places], labels[places], places), content)
            lake.store.write(draft.path(f"part-{part:05d}.parquet"), content.getvalue())
        return draft.commit(stage="integrate", table_schema=schema.json(), counts={"out": rows})


def convert_table(spark: SparkSession, table: Version, shuffle: bool = False) -> Version:
    """`features/images`, all in one split."""
    from laketrain.config.convert import Convert
    from laketrain.convert import convert

    config = Convert.model_validate({
        "table": DATASET, "features": DECLARED, "shuffle": shuffle, "split": {"by": "name", "fractions": {SPLIT: 1.0}}})
    return convert(spark, table, DATASET, config, FeatureSet.model_validate(DECLARED), key="")


def make_dataset(lake: str, rows: int, cores: int) -> tuple[str, str]:
    """The `ref` of a new dataset in this lake, and the directory of its split; made by the road that users take."""
    spark = session_of(cores)
    try:
        version = convert_table(spark, commit_table(Lake(lake), rows, files=cores))
        return version.ref, str(version.lake.store.local(version.path(SPLIT)))
    finally:
        spark.stop()


def session_of(cores: int) -> SparkSession:
    """This process's Spark session, with laketrain's own settings."""
    from laketrain.config.workload import Spark
    from laketrain.spark.session import session

    return session(Spark(master=f"local[{cores}]"), "benchmarks")


def _table(images: npt.NDArray[np.uint8], labels: npt.NDArray[np.int64], places: npt.NDArray[np.int64]) -> pa.Table:
    pixels = pa.array([image.tobytes() for image in images], pa.binary())
    return pa.table({"pixels": pixels, "label": labels, "name": [f"image {place}" for place in places]})
