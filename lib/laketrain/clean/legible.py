"""No text of a clean table is anything but UTF-8: neither of Parquet by another writer, nor of bytes that a rule cast.

Spark itself never looks: it writes whatever bytes a string has, and then no reader takes the file.
"""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from laketrain.clean.reading import FILE, RECORD, REJECT, rejection
from laketrain.spark.frames import is_valid_utf8, quoted


def refuse_illegible(frame: DataFrame) -> DataFrame:
    """The rows that hold other bytes in a text, at any depth, are marked as rejected, unless they are already."""
    found = [F.when(~fine, rejection(F.lit("readable"), F.lit(f"has bytes in {field.name} that are no UTF-8")))
             for field in frame.schema if field.name not in (FILE, RECORD, REJECT)
             and (fine := is_valid_utf8(F.col(quoted(field.name)), field.dataType)) is not None]
    return frame.withColumn(REJECT, F.coalesce(F.col(REJECT), *found)) if found else frame
