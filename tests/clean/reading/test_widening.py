"""Types that contain each value of another type."""

from __future__ import annotations

import pytest
from pyspark.sql import types as T

from laketrain.clean.reading.widening import can_widen

INT, LONG, FLOAT, DOUBLE, TEXT = T.IntegerType(), T.LongType(), T.FloatType(), T.DoubleType(), T.StringType()


@pytest.mark.parametrize(("kind", "expected"), [
    (INT, LONG), (T.ByteType(), INT), (FLOAT, DOUBLE), (INT, DOUBLE), (T.ShortType(), FLOAT),
    (INT, T.DecimalType(10, 0)), (LONG, T.DecimalType(21, 2)), (T.DecimalType(10, 2), T.DecimalType(12, 4)),
    (T.ArrayType(INT), T.ArrayType(LONG)), (T.MapType(TEXT, FLOAT), T.MapType(TEXT, DOUBLE)),
    (T.StructType([T.StructField("a", INT)]), T.StructType([T.StructField("a", LONG)])),
])
def test_a_wider_type_contains_each_value_of_a_narrower_one(kind: T.DataType, expected: T.DataType):
    assert can_widen(kind, expected)
    assert not can_widen(expected, kind)


@pytest.mark.parametrize(("kind", "expected"), [
    (LONG, DOUBLE), (INT, FLOAT), (INT, T.DecimalType(10, 1)), (T.DecimalType(10, 2), T.DecimalType(12, 1)),
    (DOUBLE, LONG), (INT, TEXT), (T.DateType(), T.TimestampType()), (INT, T.TimestampType()), (T.BooleanType(), INT),
    (T.StructType([T.StructField("a", INT)]), T.StructType([T.StructField("b", LONG)])),
])
def test_a_type_that_would_change_a_value_is_not_wider(kind: T.DataType, expected: T.DataType):
    assert not can_widen(kind, expected)
