"""How each column of a database is read, so that no value is changed silently.

    reading = column_reading(ColumnInfo("price", 2, "numeric", 0, 0), T.DecimalType(38, 18), "jdbc:postgresql")
    reading.fetch_type, reading.cast_to        # "string", None: the driver's text, which a rule can cast

By default Spark rounds numbers to a decimal type that it chooses, truncates times to microseconds, reads a time of day
as an instant in 1970, and reads invalid dates as other dates. Columns for which that is possible are fetched as the
driver's text. It is cast to the column's type only if that is exact, and remains text if Spark has no such type.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from pyspark.sql import Column
from pyspark.sql import functions as F
from pyspark.sql import types as T

_BIT, _REAL, _NUMERIC, _DECIMAL, _DATE, _TIME, _TIMESTAMP, _ARRAY = -7, 7, 2, 3, 91, 92, 93, 2003
_TIME_WITH_ZONE, _TIMESTAMP_WITH_ZONE, _DECFLOAT, _MSSQL_OFFSET, _BLOB, _BOOLEAN = 2013, 2014, 2015, -155, 2004, 16
_WHOLE, _APPROXIMATE = (4, 5, -6, -5), (6, 7, 8)
_MYSQL = ("jdbc:mysql", "jdbc:mariadb")
_CASTABLE_TIMES = (*_MYSQL, "jdbc:postgresql", "jdbc:h2", "jdbc:sqlserver")
"""The schemes whose drivers format times as Spark's casts read them."""
_AMBIGUOUS_LIST = re.compile(r"_(date|time|timetz|timestamp|timestamptz)$")
"""PostgreSQL's lists in which Spark would read an infinite time, and a time of day, as an instant."""

_NUMBER = r"-?\d+(\.\d+)?([eE][-+]?\d+)?"
_DAY = r"\d{4}-\d\d-\d\d"
_CLOCK = r"\d\d:\d\d:\d\d(\.\d{1,6}0*)?( ?[-+]\d\d?(:?\d\d(:\d\d)?)?)?"
_SHAPES: Mapping[str, str] = {
    "date": _DAY, "timestamp": f"{_DAY}[ T]{_CLOCK}", "timestamp_ntz": f"{_DAY}[ T]{_CLOCK}",
    "bigint": r"-?\d+", "boolean": "[01]", "double": rf"{_NUMBER}|-?Inf",
}
"""The exact text format of each type. Spark's casts accept more, and truncate or complete it."""


@dataclass(frozen=True)
class ColumnInfo:
    """The server's description of a column: its name, its type in java.sql.Types, and so on."""

    name: str
    code: int
    type_name: str
    precision: int
    scale: int


@dataclass(frozen=True)
class ColumnReading:
    """How a column is read.

    Attributes:
        fetch_type: the Spark type that values are fetched as; None for the one that Spark chooses.
        cast_to: the type in the table, to which fetched values are cast; None for no cast.
        sql: from the quoted name, the SQL expression to select in its place.
        numeric: whether values are compared as numbers.
        problem: why the column can't be read; empty if it can.
    """

    fetch_type: str | None = None
    cast_to: str | None = None
    sql: Callable[[str], str] | None = field(default=None, compare=False)
    numeric: bool = False
    problem: str = ""


AS_IS = ColumnReading()


def column_reading(column: ColumnInfo, spark: T.DataType, scheme: str) -> ColumnReading:
    """How to read a column that Spark by default reads as the type `spark`."""
    if scheme == "jdbc:sqlite":
        return _sqlite_reading(column)
    kind = column.type_name.upper()
    if column.code in (_NUMERIC, _DECIMAL, _DECFLOAT) or kind.startswith("DECFLOAT"):
        return AS_IS if _is_exact_decimal(column, spark) else ColumnReading("string", numeric=True)
    if column.code in (_TIME, _TIME_WITH_ZONE):
        return ColumnReading("string")
    if column.code == _DATE and isinstance(spark, T.DateType):
        return ColumnReading("string", "date")
    if column.code in (_TIMESTAMP, _TIMESTAMP_WITH_ZONE, _MSSQL_OFFSET) and scheme in _CASTABLE_TIMES:
        return ColumnReading("string", spark.simpleString()) if isinstance(spark, _TIMES) else AS_IS
    if column.code == _ARRAY:
        return _list_reading(column)
    if column.code == _BIT and column.precision != 1 and kind.startswith("BIT"):
        return ColumnReading(sql="{} + 0".format, numeric=True) if scheme in _MYSQL else ColumnReading("string")
    if scheme in _MYSQL and column.code == _REAL:
        # MySQL returns a FLOAT with six digits, and a DOUBLE with all.
        return ColumnReading(sql="{} + 0e0".format, cast_to="float", numeric=True)
    return AS_IS


_TIMES = (T.TimestampType, T.TimestampNTZType)


def _is_exact_decimal(column: ColumnInfo, spark: T.DataType) -> bool:
    """Whether Spark's decimal has exactly the precision and scale of the column."""
    is_declared = column.precision > 0 and 0 <= column.scale <= column.precision
    return (is_declared and not column.type_name.upper().startswith("DECFLOAT") and isinstance(spark, T.DecimalType)
            and (spark.precision, spark.scale) == (column.precision, column.scale))


def _list_reading(column: ColumnInfo) -> ColumnReading:
    if column.type_name == "_numeric" and column.precision == 0:
        return ColumnReading(problem="is a list of numbers of any size, which Spark would round")
    if _AMBIGUOUS_LIST.match(column.type_name):
        return ColumnReading(problem=f"is a list of {column.type_name[1:]}, in which Spark would take some values for "
                             "others")
    return AS_IS


def _sqlite_reading(column: ColumnInfo) -> ColumnReading:
    """The reading for SQLite, whose columns may contain values of any type, whatever their declaration."""
    if column.code == _BLOB:
        return AS_IS
    whole, approximate = column.code in _WHOLE, column.code in _APPROXIMATE
    cast_to = "bigint" if whole else "double" if approximate else "boolean" if column.code == _BOOLEAN else None
    return ColumnReading("string", cast_to, _sqlite_text, whole or approximate or column.code in (_NUMERIC, _DECIMAL))


def _sqlite_text(name: str) -> str:
    """A number with the fewest digits that identify it; the driver would return fifteen."""
    short, long = (f"printf('%!.{digits}g', {name})" for digits in (15, 17))
    digits = f"CASE WHEN CAST({short} AS REAL) = {name} THEN {short} ELSE {long} END"
    return f"CASE typeof({name}) WHEN 'real' THEN {digits} ELSE {name} END"


def sql_literal(reading: ColumnReading, value: str) -> str:
    """The SQL literal for a value of a column that was fetched as text. A number is written without quotes and without
    an exponent: compared with text, or with an exponent, MySQL would compare doubles."""
    from decimal import Decimal

    if reading.numeric and re.fullmatch(_NUMBER, value):
        return format(Decimal(value), "f")
    return "'" + value.replace("'", "''") + "'"


def is_ordered(reading: ColumnReading, value: str) -> bool:
    """Whether values of the column can be compared with this one. They can't with NaN and infinity."""
    if reading.numeric:
        return re.fullmatch(_NUMBER, value) is not None
    return reading.cast_to is None or re.fullmatch(_SHAPES[reading.cast_to], value) is not None


def cast_exactly(reading: ColumnReading, source: str, name: str, value: Column) -> Column:
    """Casts the fetched value. A value that can't be cast exactly raises an error that names the column."""
    if reading.cast_to is None or reading.cast_to == "float":
        return value if reading.cast_to is None else value.cast("float")
    cast = value.cast(reading.cast_to)
    is_exact = value.rlike(f"^({_SHAPES[reading.cast_to]})$") & cast.isNotNull()
    message = F.concat(
        F.lit(f"laketrain.errors.DataError: [ingest] source {source!r}: column {name!r} holds '"),
        F.regexp_replace(F.substring(value, 1, 80), r"\s", " "),
        F.lit(f"', which Spark can't represent exactly as {reading.cast_to}. Next: {_cast_hint(name)}"))
    return F.when(value.isNull() | is_exact, cast).otherwise(F.raise_error(message).cast(reading.cast_to))


def _cast_hint(name: str) -> str:
    return (f"read the column as the database's own text, by options: {{customSchema: {_ddl(name)!r}}}, and let a rule "
            "of clean cast it; or leave such rows out in 'query'")


def _ddl(name: str) -> str:
    return f"{name if re.fullmatch('[A-Za-z_][A-Za-z_0-9]*', name) else '`' + name.replace('`', '``') + '`'} string"
