"""Rejects rows with text that isn't UTF-8: from Parquet of other writers, or from bytes that a rule cast.

Spark doesn't check: it writes any bytes as a string, and other readers then fail on the file.
"""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from laketrain.clean.reading import FILE, RECORD, REJECT, rejection
from laketrain.spark.frames import is_valid_utf8, quoted


def reject_invalid_utf8(frame: DataFrame) -> DataFrame:
    """Rejects rows that have invalid UTF-8 in a text, at any depth. Already rejected rows keep their reason."""
    rejections = [
        F.when(~valid, rejection(F.lit("readable"), F.lit(f"has bytes in {field.name} that aren't UTF-8")))
        for field in frame.schema if field.name not in (FILE, RECORD, REJECT)
        and (valid := is_valid_utf8(F.col(quoted(field.name)), field.dataType)) is not None]
    return frame.withColumn(REJECT, F.coalesce(F.col(REJECT), *rejections)) if rejections else frame
