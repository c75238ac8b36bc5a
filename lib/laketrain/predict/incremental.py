"""Incremental prediction: a row that the same model has already predicted with the same settings keeps its prediction.

    rows = with_digest(frame, columns)                          # adds a digest of what a row's prediction depends on
    earlier = earlier_predictions(spark, before, scored_with)   # one prediction for each digest
    new, predicted = split_predicted(rows, earlier)
"""

from __future__ import annotations

from collections.abc import Sequence

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from laketrain.config.column_names import DIGEST
from laketrain.lake import Version
from laketrain.lake.manifests import PredictionsManifest
from laketrain.spark.frames import exact_json, read


def with_digest(frame: DataFrame, columns: Sequence[str]) -> DataFrame:
    """`frame` with a digest of these columns: equal for rows whose values in them are equal."""
    return frame.withColumn(DIGEST, F.md5(exact_json(columns)))


def earlier_predictions(spark: SparkSession, before: Version | None, scored_with: str) -> DataFrame | None:
    """The predictions of the version `before`, one for each digest; None if its model or its settings differ.

    `scored_with` is the fingerprint of both, see `PredictionsManifest`.
    """
    if before is None or PredictionsManifest.of(before).scored_with != scored_with:
        return None
    files = [file.path for file in before.entry.files]
    return read(spark, before.url(), files, before.entry.table_schema or "").dropDuplicates([DIGEST])


def split_predicted(rows: DataFrame, earlier: DataFrame) -> tuple[DataFrame, DataFrame]:
    """The rows without an earlier prediction, and the predictions of the other rows, one for each."""
    return rows.join(earlier.select(DIGEST), DIGEST, "left_anti"), rows.select(DIGEST).join(earlier, DIGEST)
