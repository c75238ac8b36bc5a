"""How each column of a database is read, so that no value becomes another one in silence.

    reading = reading_of(Described("price", 2, "numeric", 0, 0), T.DecimalType(38, 18), "jdbc:postgresql")
    reading.fetched, reading.becomes        # "string", None: the driver's own text, which a rule can cast

By itself Spark rounds numbers to a decimal of its own choice, cuts times below a microsecond, makes a time of day an
instant of 1970, and takes what is no date for another one. Where that could be, the driver's own text is fetched: it
becomes the column's type where it is exactly that, and stays text where Spark has no type for it.
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
_TOLD = (*_MYSQL, "jdbc:postgresql", "jdbc:h2", "jdbc:sqlserver")
"""Whose drivers write times as Spark's casts read them."""
_UNSURE = re.compile(r"_(date|time|timetz|timestamp|timestamptz)$")
"""PostgreSQL's lists in which Spark takes an infinite time, and a time of day, for an instant."""

_NUMBER = r"-?\d+(\.\d+)?([eE][-+]?\d+)?"
_DAY = r"\d{4}-\d\d-\d\d"
_CLOCK = r"\d\d:\d\d:\d\d(\.\d{1,6}0*)?( ?[-+]\d\d?(:?\d\d(:\d\d)?)?)?"
_SHAPES: Mapping[str, str] = {
    "date": _DAY, "timestamp": f"{_DAY}[ T]{_CLOCK}", "timestamp_ntz": f"{_DAY}[ T]{_CLOCK}",
    "bigint": r"-?\d+", "boolean": "[01]", "double": rf"{_NUMBER}|-?Inf",
}
"""What the text of each type looks like; Spark's casts take more, and cut or add to it."""


@dataclass(frozen=True)
class Described:
    """A column as the server describes it: its name, the number of its type in java.sql.Types, and so on."""

    name: str
    code: int
    type_name: str
    precision: int
    scale: int


@dataclass(frozen=True)
class Reading:
    """How a column is read.

    fetched: the type of Spark that its values are fetched as; None for the one that Spark chooses.
    becomes: the type that they are then, in the table; None to stay.
    sql: given the quoted name, what is asked of the server in its place.
    number: whether its values are compared as numbers.
    refused: why not at all; empty where it is.
    """

    fetched: str | None = None
    becomes: str | None = None
    sql: Callable[[str], str] | None = field(default=None, compare=False)
    number: bool = False
    refused: str = ""


AS_IS = Reading()


def reading_of(column: Described, spark: T.DataType, scheme: str) -> Reading:
    """How a column is read that Spark by itself would read as the type `spark`."""
    if scheme == "jdbc:sqlite":
        return _of_sqlite(column)
    kind = column.type_name.upper()
    if column.code in (_NUMERIC, _DECIMAL, _DECFLOAT) or kind.startswith("DECFLOAT"):
        return AS_IS if _held(column, spark) else Reading("string", number=True)
    if column.code in (_TIME, _TIME_WITH_ZONE):
        return Reading("string")
    if column.code == _DATE and isinstance(spark, T.DateType):
        return Reading("string", "date")
    if column.code in (_TIMESTAMP, _TIMESTAMP_WITH_ZONE, _MSSQL_OFFSET) and scheme in _TOLD:
        return Reading("string", spark.simpleString()) if isinstance(spark, _TIMES) else AS_IS
    if column.code == _ARRAY:
        return _of_list(column)
    if column.code == _BIT and column.precision != 1 and kind.startswith("BIT"):
        return Reading(sql="{} + 0".format, number=True) if scheme in _MYSQL else Reading("string")
    if scheme in _MYSQL and column.code == _REAL:
        # MySQL tells a FLOAT by six digits, and a DOUBLE by all.
        return Reading(sql="{} + 0e0".format, becomes="float", number=True)
    return AS_IS


_TIMES = (T.TimestampType, T.TimestampNTZType)


def _held(column: Described, spark: T.DataType) -> bool:
    """Whether Spark's decimal has just the digits that the column has."""
    told = column.precision > 0 and 0 <= column.scale <= column.precision
    return told and not column.type_name.upper().startswith("DECFLOAT") and isinstance(spark, T.DecimalType) and (
        spark.precision, spark.scale) == (column.precision, column.scale)


def _of_list(column: Described) -> Reading:
    if column.type_name == "_numeric" and column.precision == 0:
        return Reading(refused="is a list of numbers of any size, which Spark would round")
    if _UNSURE.match(column.type_name):
        return Reading(refused=f"is a list of {column.type_name[1:]}, in which Spark would take some values for others")
    return AS_IS


def _of_sqlite(column: Described) -> Reading:
    """SQLite's columns hold values of any type, whatever they were declared as."""
    if column.code == _BLOB:
        return AS_IS
    whole, approximate = column.code in _WHOLE, column.code in _APPROXIMATE
    becomes = "bigint" if whole else "double" if approximate else "boolean" if column.code == _BOOLEAN else None
    return Reading("string", becomes, _sqlite_text, whole or approximate or column.code in (_NUMERIC, _DECIMAL))


def _sqlite_text(name: str) -> str:
    """A number by the fewest digits that say which it is: its driver would tell fifteen."""
    short, long = (f"printf('%!.{digits}g', {name})" for digits in (15, 17))
    told = f"CASE WHEN CAST({short} AS REAL) = {name} THEN {short} ELSE {long} END"
    return f"CASE typeof({name}) WHEN 'real' THEN {told} ELSE {name} END"


def literal(reading: Reading, value: str) -> str:
    """A value of a column that was fetched as text, as the server's SQL takes it. A number is told by its digits alone:
    next to text MySQL compares doubles, and with an exponent it is one."""
    from decimal import Decimal

    if reading.number and re.fullmatch(_NUMBER, value):
        return format(Decimal(value), "f")
    return "'" + value.replace("'", "''") + "'"


def counts(reading: Reading, value: str) -> bool:
    """Whether a value of such a column has a place among the others: NaN and infinity have none that can be told."""
    if reading.number:
        return re.fullmatch(_NUMBER, value) is not None
    return reading.becomes is None or re.fullmatch(_SHAPES[reading.becomes], value) is not None


def exactly(reading: Reading, source: str, name: str, value: Column) -> Column:
    """The fetched value as the type that it becomes. A value that is none of it stops the ingest by name."""
    if reading.becomes is None or reading.becomes == "float":
        return value if reading.becomes is None else value.cast("float")
    cast = value.cast(reading.becomes)
    fits = value.rlike(f"^({_SHAPES[reading.becomes]})$") & cast.isNotNull()
    said = F.concat(
        F.lit(f"laketrain.errors.DataError: [ingest] source {source!r}: column {name!r} holds '"),
        F.regexp_replace(F.substring(value, 1, 80), r"\s", " "),
        F.lit(f"', which is no {reading.becomes} that Spark holds exactly. Next: {_way(name)}"))
    return F.when(value.isNull() | fits, cast).otherwise(F.raise_error(said).cast(reading.becomes))


def _way(name: str) -> str:
    return (f"read the column as the database's own text, by options: {{customSchema: {_ddl(name)!r}}}, and let a rule "
            "of clean cast it; or leave such rows out in 'query'")


def _ddl(name: str) -> str:
    return f"{name if re.fullmatch('[A-Za-z_][A-Za-z_0-9]*', name) else '`' + name.replace('`', '``') + '`'} string"
