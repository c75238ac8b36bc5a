"""The columns of JSON lines, compared with Spark's inference."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from pyspark.sql import types as T

from laketrain.clean.reading.json.schema_merge import as_spark_infers, merge_schemas

from .test_line_scan import scan

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


@pytest.mark.slow
def test_columns_are_those_that_spark_infers(spark: SparkSession) -> None:
    blocks = ['{"b":1,"a":{"x":[],"y":{}},"n":null}\n{"b":2.5,"deep":[{"p":null},{"q":[1]}],"e":{}}\n',
              '{"a":{"z":true},"n":"x","only":null,"when":"2026-03-09","list":[null],"l2":[[1],[]]}\n']
    scans = [scan(block.encode()) for block in blocks]
    columns = as_spark_infers(merge_schemas([result.columns for result in scans]) or T.StructType([]))
    lines = spark.sparkContext.parallelize([line for block in blocks for line in block.splitlines()])
    assert columns == spark.read.options(primitivesAsString=True).json(lines).schema
