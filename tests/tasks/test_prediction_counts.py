"""Counts of predictions in a version."""

from __future__ import annotations

from typing import TYPE_CHECKING

from laketrain.tasks.prediction_counts import count_classes, summarise_numbers

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def test_rows_are_counted_by_class(spark: SparkSession) -> None:
    from pyspark.sql import functions as F

    frame = spark.createDataFrame([("dog",), ("cat",), ("dog",)], "class string")
    assert count_classes(frame, F.col("class")) == {"classes": {"cat": 1, "dog": 2}}


def test_numbers_of_nested_arrays_are_summarised(spark: SparkSession) -> None:
    frame = spark.createDataFrame([([[1.0, 2.0], [3.0]],), ([[6.0]],)], "y array<array<double>>")
    assert summarise_numbers(frame, "y", 2) == {"values": {"least": 1.0, "mean": 3.0, "most": 6.0}}
    assert summarise_numbers(frame, "y", 0) == {"values": {}}
