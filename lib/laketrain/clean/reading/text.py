"""Plain text: a row a line or, with the option `wholetext: true`, a row a file."""

from __future__ import annotations

from collections.abc import Sequence

from pyspark.sql import SparkSession
from pyspark.sql import functions as F
from pyspark.sql import types as T

from laketrain.clean.reading.base import ALL_FILES, REJECT, Reading, marked, stray
from laketrain.clean.reading.encoding import check_encoding, head_of
from laketrain.clean.reading.landed import RawFile, each
from laketrain.clean.reading.partitions import place_of
from laketrain.config.sources import Source


def read(spark: SparkSession, files: Sequence[RawFile], source: Source, expected: T.StructType | None) -> Reading:
    """The lines of text files, without their line ends, or their whole texts. One that is no UTF-8 is there as
    rejected."""

    def check(file: RawFile) -> None:
        check_encoding(file.ref, head_of(file), "utf-8", chosen=False)

    each(files, check)
    # Not by `text()`, whose own argument `wholetext` would win over the option.
    texts = spark.read.format("text").options(**{**source.options, **ALL_FILES}).load([file.url for file in files])
    rows = texts.select(F.make_valid_utf8("value").alias("text"), stray(F.col("value")).alias(REJECT),
                        place_of(files).alias("_place"))
    empty = [file.file.path for file in files if file.file.bytes == 0]
    if empty and _is_whole(source):
        # Spark gives a task only what has bytes.
        there = spark.createDataFrame([("", None, path) for path in empty], rows.schema)
        rows = rows.unionByName(there)
    pinned = T.StructType([T.StructField("text", T.StringType())])
    return Reading(marked(rows, ["text"], file=F.col("_place"), problem=F.col(REJECT)), pinned)


def _is_whole(source: Source) -> bool:
    """Whether a row is a file."""
    return any(name.lower() == "wholetext" and str(value).lower() == "true" for name, value in source.options.items())
