"""The types of columns, from the metadata of a server, without a database."""

from __future__ import annotations

import pytest
from pyspark.sql import types as T

from laketrain.ingest.jdbc_types import AS_IS, ColumnInfo, ColumnReading, column_reading, is_ordered, sql_literal

POSTGRES, MYSQL, ORACLE, SQLITE = "jdbc:postgresql", "jdbc:mysql", "jdbc:oracle", "jdbc:sqlite"


@pytest.mark.parametrize(("column", "spark", "scheme", "expected"), [
    (ColumnInfo("n", 2, "numeric", 10, 2), T.DecimalType(10, 2), POSTGRES, AS_IS),
    (ColumnInfo("n", 2, "numeric", 0, 0), T.DecimalType(38, 18), POSTGRES, ColumnReading("string", numeric=True)),
    (ColumnInfo("n", 2, "numeric", 10, 2046), T.DecimalType(38, 38), POSTGRES, ColumnReading("string", numeric=True)),
    (ColumnInfo("n", 3, "DECIMAL", 65, 30), T.DecimalType(38, 3), MYSQL, ColumnReading("string", numeric=True)),
    (ColumnInfo("n", 2, "NUMBER", 0, -127), T.DecimalType(38, 10), ORACLE, ColumnReading("string", numeric=True)),
    (ColumnInfo("n", 2, "DECFLOAT", 30, 0), T.DecimalType(30, 0), "jdbc:h2", ColumnReading("string", numeric=True)),
    (ColumnInfo("t", 2013, "TIME WITH TIME ZONE", 14, 0), T.TimestampType(), "jdbc:h2", ColumnReading("string")),
    (ColumnInfo("d", 91, "date", 13, 0), T.DateType(), POSTGRES, ColumnReading("string", "date")),
    (ColumnInfo("t", 93, "timestamp", 29, 6), T.TimestampNTZType(), POSTGRES, ColumnReading("string", "timestamp_ntz")),
    (ColumnInfo("t", 93, "DATE", 7, 0), T.TimestampType(), ORACLE, AS_IS),
    (ColumnInfo("b", -7, "bool", 1, 0), T.BooleanType(), POSTGRES, AS_IS),
    (ColumnInfo("b", -7, "bit", 8, 0), T.BinaryType(), POSTGRES, ColumnReading("string")),
    (ColumnInfo("b", -7, "BIT", 8, 0), T.BinaryType(), MYSQL, ColumnReading(numeric=True)),
    (ColumnInfo("f", 7, "FLOAT", 12, 0), T.FloatType(), MYSQL, ColumnReading(cast_to="float", numeric=True)),
    (ColumnInfo("a", 2003, "_numeric", 5, 2), T.ArrayType(T.DecimalType(5, 2)), POSTGRES, AS_IS),
    (ColumnInfo("i", 4, "INTEGER", 0, 0), T.IntegerType(), SQLITE, ColumnReading("string", "bigint", numeric=True)),
    (ColumnInfo("d", 91, "DATE", 0, 0), T.DateType(), SQLITE, ColumnReading("string")),
    (ColumnInfo("b", 2004, "BLOB", 0, 0), T.BinaryType(), SQLITE, AS_IS),
])
def test_a_column_is_read_as_text_if_spark_would_change_its_values(
        column: ColumnInfo, spark: T.DataType, scheme: str, expected: ColumnReading) -> None:
    assert column_reading(column, spark, scheme) == expected


def test_numbers_are_compared_by_their_digits_and_text_by_itself() -> None:
    number, text = ColumnReading("string", numeric=True), ColumnReading("string")
    assert sql_literal(number, "1.0000000000000000000000000000000000000001") == (
        "1.0000000000000000000000000000000000000001")
    assert sql_literal(number, "1.5E+3") == "1500"
    assert sql_literal(text, "O'Hara") == "'O''Hara'" and sql_literal(number, "x' or 1") == "'x'' or 1'"


@pytest.mark.parametrize(("reading", "value", "expected"), [
    (ColumnReading("string", numeric=True), "NaN", False), (ColumnReading("string", numeric=True), "-1.5", True),
    (ColumnReading("string", "date"), "infinity", False), (ColumnReading("string", "date"), "2026-01-02", True),
    (ColumnReading("string", "timestamp"), "2026-01-02 03:04:05.123456+02", True),
    (ColumnReading("string", "timestamp"), "2026-01-02 03:04:05.1234567", False),
    (ColumnReading("string"), "24:00:00", True),
])
def test_nan_and_infinity_are_not_ordered(reading: ColumnReading, value: str, expected: bool) -> None:
    assert is_ordered(reading, value) == expected
