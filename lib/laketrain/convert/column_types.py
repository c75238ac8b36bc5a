"""Checks that the types of columns suit their features, before any Spark task runs."""

from __future__ import annotations

import pyarrow as pa
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame
from pyspark.sql import types as T

from laketrain.errors import DataError
from laketrain.features import FeatureSet
from laketrain.spark.arrow_types import arrow_type


def refuse_types(rows: DataFrame, features: FeatureSet) -> None:
    """Raises DataError if the type of a column doesn't suit its feature, or can't be sent to a Python task."""
    schema = pa.schema([_as_arrow(rows.schema[column]) for column in features.columns])
    features.reasons(pa.RecordBatch.from_pylist([], schema))


def _as_arrow(field: T.StructField) -> pa.Field:
    try:
        return pa.field(field.name, arrow_type(field.dataType))
    except PySparkException as error:
        raise DataError("convert", f"column {field.name!r}",
                        f"is of the type {field.dataType.simpleString()}, which no feature holds",
                        "cast it to a number or a string in the clean stage, or name another column") from error
