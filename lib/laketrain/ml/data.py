"""From a DataFrame to a dataset in the lake: `integrated/<name>`, then `features/<name>`, a version of each a fit.

    dataset = dataset_of(df, workload)

Versions are numbered by the lake, so fits that run side by side, in one driver or in several, never share one.
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
from laketrain.lake.contents import found_files
from laketrain.ml.draw import ALIKE, ROW, settled_draw, with_row
from laketrain.spark.errors import explained
from laketrain.spark.frames import quoted, write
from laketrain.workload import Workload

STAGE = "ml"


def dataset_of(frame: DataFrame, workload: Workload) -> Version:
    """The committed dataset of the frame's rows; the frame is computed once."""
    config, features = workload.convert, workload.features
    assert config is not None and features is not None
    table, split = _committed(Lake(workload.lake), workload.name, _chosen(frame, workload), config.split)
    config = config.model_copy(update={"split": split})
    key = fingerprint_convert(table, config, features)
    return convert(session_beside(frame.sparkSession), table, workload.dataset, config, features, key)


def commit_frame(lake: Lake, name: str, frame: DataFrame) -> Version:
    """The frame's rows as the next version of `integrated/<name>`. Raises DataError with what Spark said."""
    return _committed(lake, name, frame, None)[0]


def _committed(lake: Lake, name: str, frame: DataFrame, split: Split | None) -> tuple[Version, Split | None]:
    """The version, and the split as it is settled by what was written."""
    started, spark = time.monotonic(), frame.sparkSession
    with explained(STAGE, f"the DataFrame for integrated/{name}"), lake.table("integrated", name).stage() as draft:
        write(frame, draft.url())
        if split is not None and split.by == ROW:
            split = settled_draw(spark, draft, split)
        files = found_files(lake.store, draft.path())
        schema = frame.schema if split is None or split.stratify != ALIKE else frame.schema.add(ALIKE, "string")
        return draft.commit(stage=STAGE, files=files, table_schema=schema.json(),
                            counts={"out": sum(file.rows or 0 for file in files)},
                            seconds=time.monotonic() - started), split


def plain(frame: DataFrame, column: str) -> Column:
    """The column as features read it: a vector of Spark ML as an array."""
    found = F.col(quoted(column))
    if not isinstance(frame.schema[column].dataType, VectorUDT):
        return found
    return F.when(found.isNotNull(), vector_to_array(found))  # by itself it ends the job at a null


def session_beside(spark: SparkSession) -> SparkSession:
    """A session with the settings of `spark`, to be changed at will: several fits run in one driver, and the stages
    change settings while they work."""
    beside = spark.newSession()
    for key, value in spark.conf.getAll.items():
        with suppress(PySparkException):  # what can't be set is the application's, and the same in both
            beside.conf.set(key, value)
    return beside


def _chosen(frame: DataFrame, workload: Workload) -> DataFrame:
    """What features and split are made of, and nothing else of the frame."""
    config, features = workload.convert, workload.features
    assert config is not None and features is not None
    needed = list(dict.fromkeys([*features.columns, *config.columns.values()]))
    chosen = frame.select(*(plain(frame, column).alias(column) for column in needed if column != ROW))
    if ROW not in needed:
        return chosen
    return with_row(chosen, features.columns)
