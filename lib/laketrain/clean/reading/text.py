"""Plain text: one row per line or, with the option `wholetext: true`, one row per file."""

from __future__ import annotations

from collections.abc import Sequence

from pyspark.sql import SparkSession
from pyspark.sql import functions as F
from pyspark.sql import types as T

from laketrain.clean.reading.base import ALL_FILES, FILE, REJECT, Reading, invalid_utf8_message, with_metadata
from laketrain.clean.reading.encoding import check_encoding, read_head
from laketrain.clean.reading.partitions import file_path
from laketrain.clean.reading.raw_files import RawFile, each
from laketrain.config.sources import FileSource


def read(spark: SparkSession, files: Sequence[RawFile], source: FileSource, expected: T.StructType | None) -> Reading:
    """The lines of text files, without their line ends, or their whole texts. Invalid UTF-8 makes a rejected row."""

    def check(file: RawFile) -> None:
        check_encoding(file.ref, read_head(file), "utf-8", chosen=False)

    each(files, check)
    # Not `text()`, whose argument `wholetext` would override the option.
    texts = spark.read.format("text").options(**{**source.options, **ALL_FILES}).load([file.url for file in files])
    rows = texts.select(F.make_valid_utf8("value").alias("text"), invalid_utf8_message(F.col("value")).alias(REJECT),
                        file_path(files).alias(FILE))
    empty = [file.file.path for file in files if file.file.bytes == 0]
    if empty and _is_whole(source):
        # Spark skips empty files.
        rows = rows.unionByName(spark.createDataFrame([("", None, path) for path in empty], rows.schema))
    pinned = T.StructType([T.StructField("text", T.StringType())])
    return Reading(with_metadata(rows, ["text"], file=F.col(FILE), problem=F.col(REJECT)), pinned)


def _is_whole(source: FileSource) -> bool:
    """Whether a row is a whole file."""
    return any(name.lower() == "wholetext" and str(value).lower() == "true" for name, value in source.options.items())
