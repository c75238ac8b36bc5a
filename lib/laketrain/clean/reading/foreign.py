"""Any other format that the session can read, e.g. `avro` or `xml`: its own schema is held against the expected one."""

from __future__ import annotations

from collections.abc import Sequence

from py4j.protocol import Py4JError
from pyspark.errors import AnalysisException, PySparkException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql import types as T

from laketrain.clean.reading.base import ALL_FILES, Reading, marked
from laketrain.clean.reading.drift import Judge
from laketrain.clean.reading.landed import RawFile
from laketrain.clean.reading.partitions import place_of
from laketrain.config.sources import Source
from laketrain.errors import DataError
from laketrain.spark.errors import first_sentence
from laketrain.spark.frames import quoted


def read(spark: SparkSession, files: Sequence[RawFile], source: Source, expected: T.StructType | None) -> Reading:
    """The rows as Spark's reader of that format gives them; a damaged file fails, named by Spark."""
    rows = _load(spark, files, source)
    pinned = rows.schema if expected is None else expected
    judge = Judge(pinned, source.drift)
    judge.see(files[0].ref if len(files) == 1 else files[-1].version.ref,
              {field.name: field.dataType for field in rows.schema})
    columns, there = judge.columns, rows.columns
    wanted = [(F.col(quoted(field.name)) if field.name in there else F.lit(None)).cast(field.dataType)
              .alias(field.name) for field in columns]
    try:
        rows = rows.select(*wanted, place_of(files).alias("_place"))
    except AnalysisException:
        # A reader that isn't one of Spark's own needn't know which file a row is from.
        rows = rows.select(*wanted, F.lit(files[0].file.path if len(files) == 1 else "").alias("_place"))
    return Reading(marked(rows, columns.names, file=F.col("_place")), pinned, drift=judge.told)


def _load(spark: SparkSession, files: Sequence[RawFile], source: Source) -> DataFrame:
    reader = spark.read.format(source.format).options(**{**source.options, **ALL_FILES})
    try:
        return reader.load([file.url for file in files])
    except (PySparkException, Py4JError) as error:
        absent = "DATA_SOURCE_NOT_FOUND" in str(error) or "ClassNotFoundException" in str(error)
        raise DataError("clean", f"format {source.format!r} of {files[0].version.ref}",
                        "Spark has no such reader here" if absent else first_sentence(str(error)),
                        "give Spark the reader's package, e.g. by spark.conf: {spark.jars.packages: …}") from error
