"""Petastorm's readers, its process pool and its Spark converter work with the libraries that are installed."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from laketrain.convert.petastorm import common_metadata
from laketrain.features import FeatureSet

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytest.importorskip("petastorm")
ROWS = 20


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A split of 20 small images in row groups of 8."""
    folder = tmp_path_factory.mktemp("split")
    features = FeatureSet.model_validate({
        "image": {"kind": "image", "column": "image", "shape": [2, 3, 1]}, "id": {"kind": "key", "column": "id"}})
    pixels = [[row + index for index in range(6)] for row in range(ROWS)]
    stored, _ = features.encode_batch(pa.table({"image": pixels, "id": [str(row) for row in range(ROWS)]}))
    pq.write_table(stored, folder / "part-00000.parquet", row_group_size=8)
    (folder / "_common_metadata").write_bytes(common_metadata("Split", features, {"part-00000.parquet": 3}))
    return folder.as_uri()


@pytest.mark.slow
def test_a_pool_of_processes_returns_every_row(url: str) -> None:
    from petastorm import make_reader

    with make_reader(url, reader_pool_type="process", workers_count=1, num_epochs=1) as reader:
        rows = {int(row.id): row.image for row in reader}
    assert sorted(rows) == list(range(ROWS))
    for number, image in rows.items():
        np.testing.assert_array_equal(image, np.arange(6, dtype=np.uint8).reshape(2, 3, 1) + number)


@pytest.mark.slow
def test_make_petastorm_dataset_feeds_tensorflow(url: str) -> None:
    from petastorm import make_reader
    from petastorm.tf_utils import make_petastorm_dataset

    with make_reader(url, reader_pool_type="dummy", num_epochs=1) as reader:
        rows = [(row.id.numpy().decode(), int(row.image[0, 0, 0])) for row in make_petastorm_dataset(reader)]
    assert sorted(rows) == sorted((str(number), number) for number in range(ROWS))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_the_spark_converter_caches_a_data_frame(spark: SparkSession, cache: Path) -> None:
    from petastorm.spark import SparkDatasetConverter, make_spark_converter

    spark.conf.set(SparkDatasetConverter.PARENT_CACHE_DIR_URL_CONF, cache.as_uri())
    converter = make_spark_converter(spark.range(10).selectExpr("id", "cast(id as double) / 2 as half"))
    with converter.make_tf_dataset(num_epochs=1, batch_size=5) as batches:
        rows = [(int(number), float(half)) for batch in batches
                for number, half in zip(batch.id, batch.half, strict=True)]
    assert sorted(rows) == [(number, number / 2) for number in range(10)]
    converter.delete()


@pytest.fixture
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Petastorm's paths have no spaces."""
    return tmp_path_factory.mktemp("cache")


def test_other_packages_keep_pyarrows_own_dataset() -> None:
    import petastorm.reader
    import pyarrow.parquet

    assert pyarrow.parquet.ParquetDataset.__module__.startswith("pyarrow")
    assert petastorm.reader.pq.read_table is pyarrow.parquet.read_table


def test_install_imports_neither_petastorm_nor_spark() -> None:
    code = ("import sys, laketrain.petastorm_compat as compat; compat.install(); compat.install(); "
            "assert not {'petastorm', 'pyspark', 'pyarrow', 'numpy'} & set(sys.modules)")
    subprocess.run([sys.executable, "-c", code], check=True)
