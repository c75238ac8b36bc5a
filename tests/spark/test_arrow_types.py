"""The Arrow types are those in which Spark sends rows to Python tasks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import pyarrow as pa
import pytest
from pyspark.errors import PySparkException
from pyspark.sql import SparkSession
from pyspark.sql import types as T

from laketrain.spark.arrow_types import arrow_type

from ..tables import arrow_schema

COLUMNS = ("a boolean, b tinyint, c smallint, d int, e bigint, f float, g double, h decimal(10,2), i string, j binary, "
           "k date, l timestamp, m timestamp_ntz, n array<timestamp>, o struct<p: int, q: string>")


@pytest.mark.slow
def test_rows_reach_a_python_task_in_the_types(spark: SparkSession) -> None:
    def schema_of(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            yield pa.RecordBatch.from_pydict({"schema": [batch.schema.serialize().to_pybytes()]})

    schema = T.StructType.fromDDL(COLUMNS)
    frame = spark.createDataFrame([(None,) * len(schema)], schema)
    [row] = frame.mapInArrow(schema_of, "schema binary").collect()
    sent = pa.ipc.read_schema(pa.py_buffer(bytes(row["schema"])))
    assert [field.type for field in sent] == [field.type for field in arrow_schema(schema)]


def test_a_type_without_an_arrow_type_raises() -> None:
    with pytest.raises(PySparkException):
        arrow_type(T.CalendarIntervalType() if hasattr(T, "CalendarIntervalType") else T.DataType())
