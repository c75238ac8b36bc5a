"""From a DataFrame to a dataset: each fit commits a version of `integrated/<name>` and one of `features/<name>`.

    dataset = dataset_of(df, workload)

The lake numbers versions, so that concurrent fits, in one driver or in several, never share one.
"""

from __future__ import annotations

import time
from contextlib import suppress

from pyspark.errors import PySparkException
from pyspark.ml.functions import vector_to_array
from pyspark.ml.linalg import VectorUDT
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from laketrain.config.convert import Split
from laketrain.convert import convert, fingerprint_convert
from laketrain.lake import Lake, Version
from laketrain.lake.contents import list_data_files
from laketrain.ml.draw import DUPLICATES, ROW, resolve_split, with_row
from laketrain.spark.errors import translate_spark_errors
from laketrain.spark.frames import quoted, write
from laketrain.workload import Workload

STAGE = "ml"


def dataset_of(frame: DataFrame, workload: Workload) -> Version:
    """Commits the frame's rows as a dataset. The frame is computed once."""
    config = workload.convert
    assert config is not None
    table, split = _committed(Lake(workload.lake), workload.name, _needed_columns(frame, workload), config.split)
    config = config.model_copy(update={"split": split})
    key = fingerprint_convert(table, config)
    return convert(new_session(frame.sparkSession), table, workload.dataset, config, key)


def commit_frame(lake: Lake, name: str, frame: DataFrame) -> Version:
    """Commits the frame's rows as the next version of `integrated/<name>`. Raises DataError with Spark's message."""
    return _committed(lake, name, frame, None)[0]


def _committed(lake: Lake, name: str, frame: DataFrame, split: Split | None) -> tuple[Version, Split | None]:
    """The version, and the split that `resolve_split` chose for its rows."""
    started, spark = time.monotonic(), frame.sparkSession
    with (translate_spark_errors(STAGE, f"the DataFrame for integrated/{name}"),
          lake.table("integrated", name).stage() as draft):
        write(frame, draft.url())
        if split is not None and split.by == ROW:
            split = resolve_split(spark, draft, split)
        files = list_data_files(lake.store, draft.path())
        numbered = split is not None and split.stratify == DUPLICATES
        schema = frame.schema.add(DUPLICATES, "string") if numbered else frame.schema
        return draft.commit(stage=STAGE, files=files, table_schema=schema.json(),
                            counts={"out": sum(file.rows or 0 for file in files)},
                            seconds=time.monotonic() - started), split


def as_array(frame: DataFrame, column: str) -> Column:
    """The column in a type that features read: a vector of Spark ML as an array, others unchanged."""
    values = F.col(quoted(column))
    if not isinstance(frame.schema[column].dataType, VectorUDT):
        return values
    return F.when(values.isNotNull(), vector_to_array(values))  # vector_to_array fails on nulls


def new_session(spark: SparkSession) -> SparkSession:
    """A new session with the settings of `spark`. Stages change settings while they work, and several fits may run in
    one driver."""
    session = spark.newSession()
    for key, value in spark.conf.getAll.items():
        with suppress(PySparkException):  # static settings belong to the application, and are the same in both
            session.conf.set(key, value)
    return session


def _needed_columns(frame: DataFrame, workload: Workload) -> DataFrame:
    """The columns that features and split need."""
    config = workload.convert
    assert config is not None
    features = config.features
    needed = list(dict.fromkeys([*features.columns, *config.columns.values()]))
    selected = frame.select(*(as_array(frame, column).alias(column) for column in needed if column != ROW))
    if ROW not in needed:
        return selected
    return with_row(selected, features.columns)
