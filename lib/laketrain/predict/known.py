"""Answers that are known: a row which the same model has answered before, in the same way, is not asked about again.

    rows = digested(frame, columns)                # beside each row a digest of what its answer depends on
    known = known_answers(spark, before, way)      # of the predictions before, an answer a digest
    asked, answered = divided(rows, known)
"""

from __future__ import annotations

from collections.abc import Sequence

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from laketrain.config.column_names import DIGEST
from laketrain.lake import Version
from laketrain.spark.frames import exact_json, read

META = "way"
"""The key of an entry's meta: a fingerprint of the model and of how it was asked."""


def digested(frame: DataFrame, columns: Sequence[str]) -> DataFrame:
    """`frame` with a digest of these columns, equal where all of their values are."""
    return frame.withColumn(DIGEST, F.md5(exact_json(columns)))


def known_answers(spark: SparkSession, before: Version | None, way: str) -> DataFrame | None:
    """The predictions `before`, one of each digest; None where they were made in another way than `way`."""
    if before is None or before.entry.meta.get(META) != way:
        return None
    files = [file.path for file in before.entry.files]
    return read(spark, before.url(), files, before.entry.table_schema or "").dropDuplicates([DIGEST])


def divided(rows: DataFrame, known: DataFrame) -> tuple[DataFrame, DataFrame]:
    """The rows that nobody has answered, and the answers of the others, as often as their rows are there."""
    return rows.join(known.select(DIGEST), DIGEST, "left_anti"), rows.select(DIGEST).join(known, DIGEST)
