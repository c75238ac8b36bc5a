"""How columns are read, told from what the server says of them: no database."""

from __future__ import annotations

import pytest
from pyspark.sql import types as T

from laketrain.ingest.jdbc_types import AS_IS, Described, Reading, counts, literal, reading_of

POSTGRES, MYSQL, ORACLE, SQLITE = "jdbc:postgresql", "jdbc:mysql", "jdbc:oracle", "jdbc:sqlite"


@pytest.mark.parametrize(("column", "spark", "scheme", "expected"), [
    (Described("n", 2, "numeric", 10, 2), T.DecimalType(10, 2), POSTGRES, AS_IS),
    (Described("n", 2, "numeric", 0, 0), T.DecimalType(38, 18), POSTGRES, Reading("string", number=True)),
    (Described("n", 2, "numeric", 10, 2046), T.DecimalType(38, 38), POSTGRES, Reading("string", number=True)),
    (Described("n", 3, "DECIMAL", 65, 30), T.DecimalType(38, 3), MYSQL, Reading("string", number=True)),
    (Described("n", 2, "NUMBER", 0, -127), T.DecimalType(38, 10), ORACLE, Reading("string", number=True)),
    (Described("n", 2, "DECFLOAT", 30, 0), T.DecimalType(30, 0), "jdbc:h2", Reading("string", number=True)),
    (Described("t", 2013, "TIME WITH TIME ZONE", 14, 0), T.TimestampType(), "jdbc:h2", Reading("string")),
    (Described("d", 91, "date", 13, 0), T.DateType(), POSTGRES, Reading("string", "date")),
    (Described("t", 93, "timestamp", 29, 6), T.TimestampNTZType(), POSTGRES, Reading("string", "timestamp_ntz")),
    (Described("t", 93, "DATE", 7, 0), T.TimestampType(), ORACLE, AS_IS),
    (Described("b", -7, "bool", 1, 0), T.BooleanType(), POSTGRES, AS_IS),
    (Described("b", -7, "bit", 8, 0), T.BinaryType(), POSTGRES, Reading("string")),
    (Described("b", -7, "BIT", 8, 0), T.BinaryType(), MYSQL, Reading(number=True)),
    (Described("f", 7, "FLOAT", 12, 0), T.FloatType(), MYSQL, Reading(becomes="float", number=True)),
    (Described("a", 2003, "_numeric", 5, 2), T.ArrayType(T.DecimalType(5, 2)), POSTGRES, AS_IS),
    (Described("i", 4, "INTEGER", 0, 0), T.IntegerType(), SQLITE, Reading("string", "bigint", number=True)),
    (Described("d", 91, "DATE", 0, 0), T.DateType(), SQLITE, Reading("string")),
    (Described("b", 2004, "BLOB", 0, 0), T.BinaryType(), SQLITE, AS_IS),
])
def test_a_column_is_read_by_its_text_where_spark_would_change_it(
        column: Described, spark: T.DataType, scheme: str, expected: Reading) -> None:
    assert reading_of(column, spark, scheme) == expected


def test_numbers_are_compared_by_their_digits_and_text_by_itself() -> None:
    number, text = Reading("string", number=True), Reading("string")
    assert literal(number, "1.0000000000000000000000000000000000000001") == (
        "1.0000000000000000000000000000000000000001")
    assert literal(number, "1.5E+3") == "1500"
    assert literal(text, "O'Hara") == "'O''Hara'" and literal(number, "x' or 1") == "'x'' or 1'"


@pytest.mark.parametrize(("reading", "value", "expected"), [
    (Reading("string", number=True), "NaN", False), (Reading("string", number=True), "-1.5", True),
    (Reading("string", "date"), "infinity", False), (Reading("string", "date"), "2026-01-02", True),
    (Reading("string", "timestamp"), "2026-01-02 03:04:05.123456+02", True),
    (Reading("string", "timestamp"), "2026-01-02 03:04:05.1234567", False),
    (Reading("string"), "24:00:00", True),
])
def test_nothing_is_counted_to_infinity(reading: Reading, value: str, expected: bool) -> None:
    assert counts(reading, value) == expected
