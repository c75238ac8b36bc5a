"""Arrays become vectors of Spark ML."""

from __future__ import annotations

from typing import TYPE_CHECKING

from laketrain.tasks.spark_vectors import vector

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def test_an_array_is_a_vector_and_null_stays_null(spark: SparkSession) -> None:
    from pyspark.sql import functions as F

    frame = spark.createDataFrame([([1.0, 2.0],), (None,)], "x array<double>")
    first, second = (row["v"] for row in frame.select(vector(F.col("x")).alias("v")).collect())
    assert first.toArray().tolist() == [1.0, 2.0]
    assert second is None
