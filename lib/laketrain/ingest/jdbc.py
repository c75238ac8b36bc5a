"""Reads a table of a database by Spark's JDBC: its options, its SQL, and how each column is fetched.

    table = JdbcTable(spark, "orders", source)
    table.rows(ranges={}, condition=""), table.condition("id", above="7", up_to="9", nulls=True)
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from decimal import Decimal
from functools import cached_property
from typing import Any

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql import types as T

from laketrain.config.sources import JdbcSource
from laketrain.errors import DataError
from laketrain.ingest import drivers
from laketrain.ingest.jdbc_types import (
    AS_IS,
    ColumnInfo,
    ColumnReading,
    cast_exactly,
    column_reading,
    is_ordered,
    sql_literal,
)
from laketrain.spark.frames import quoted
from laketrain.spark.zone import require_utc

_PARTITION = "laketrain_part"
"""A copy of the partition column for Spark's ranges, if the column itself is fetched as text. It is never fetched."""


class JdbcTable:
    """The table or query of a JDBC source."""

    def __init__(self, spark: SparkSession, name: str, source: JdbcSource) -> None:
        self.spark, self.name, self.source = spark, name, source
        self.scheme, self.url = drivers.scheme(source.url), drivers.address(source.url)

    def rows(self, ranges: Mapping[str, str] | None = None, condition: str = "") -> DataFrame:
        """The rows as fetched, before `cast`.

        Args:
            ranges: Spark's options for reading in several partitions.
            condition: in the database's SQL.
        """
        self._check_columns()
        if any(reading is AS_IS and _uses_jvm_zone(self.spark_schema[name].dataType)
               for name, reading in self._readings.items()):
            require_utc(self.spark, "ingest", f"source {self.name!r}")
        ranges = dict(ranges or {})
        partition = ranges.pop("partitionColumn", "")
        as_text = bool(partition) and self.reading(partition).fetch_type is not None
        if partition:
            ranges["partitionColumn"] = self.quote(_PARTITION if as_text else partition)
        table = self._query(condition, partition if as_text else "")
        fetched = self.load({"dbtable": table, **self._custom_schema(), **ranges})
        return fetched.drop(_PARTITION) if as_text else fetched

    def cast(self, fetched: DataFrame) -> DataFrame:
        """The fetched rows, with the column types of the table."""
        columns = {name: cast_exactly(self.reading(name), self.name, name, F.col(quoted(name)))
                   for name in fetched.columns}
        return fetched.select(*(column.alias(name) for name, column in columns.items()))

    def reading(self, column: str) -> ColumnReading:
        """How a column is read."""
        return self._readings.get(column, AS_IS)

    def condition(self, column: str, above: str | None, up_to: str | None, nulls: bool) -> str:
        """The SQL condition for a range of values of a column that is fetched as text (see `ValueRange`)."""
        name, reading = self.quote(column), self.reading(column)
        if up_to is None:
            condition = "1 = 0"
        else:
            lower = [f"{name} > {sql_literal(reading, above)}"] if above is not None else []
            condition = " AND ".join([f"{name} <= {sql_literal(reading, up_to)}", *lower])
        return f"({condition}) OR {name} IS NULL" if nulls else condition

    def bounds(self, column: str) -> tuple[str | None, str | None]:
        """The least and the largest value as text, computed by the database: Spark would fetch the whole column."""
        reading, quoted_name = self.reading(column), self.quote(column)
        expression = reading.sql or str
        parts = [f"{expression(f'{function}({quoted_name})')} AS {self.quote(name)}"
                 for function, name in (("MIN", "least"), ("MAX", "most"))]
        query = f"(SELECT {', '.join(parts)} FROM {self._table}) laketrain_bounds"
        types = {"customSchema": "least STRING, most STRING"} if reading.fetch_type else {}
        bounds = self.load({"dbtable": query, **types})
        [row] = bounds.select(*(F.col(f"`{name}`").cast("string") for name in bounds.columns)).collect()
        return row[0], row[1]

    def checked_bound(self, column: str, value: str, key: str) -> str:
        """A bound of a column, rounded down to an integer for Spark's ranges of numbers. Raises DataError for NaN and
        infinity, and for a float in `since`."""
        reading = self.reading(column)
        if key == "since" and not reading.sql and isinstance(self.spark_schema[column].dataType, T.FloatType):
            raise DataError("ingest", f"source {self.name!r}", f"column {column!r}, which {key!r} names, is a float, "
                            "whose values servers don't find again by their digits",
                            f"name another column in {key!r}, or cast it to a double in 'query'")
        if not (is_ordered(reading, value) if reading.fetch_type else value not in ("NaN", "Infinity", "-Infinity")):
            raise DataError("ingest", f"source {self.name!r}", f"column {column!r}, which {key!r} names, holds "
                            f"{value!r}, which has no order",
                            f"leave such rows out in 'query', or name another column in {key!r}")
        is_number = reading.numeric or isinstance(self.spark_schema[column].dataType, T.DecimalType)
        return str(int(Decimal(value) // 1)) if key == "partition" and is_number else value

    def load(self, more: Mapping[str, str]) -> DataFrame:
        """Reads the source with additional options of Spark's reader."""
        return self.spark.read.format("jdbc").options(**{**self._options, **more}).load()

    def quote(self, column: str) -> str:
        """Quotes a name for the database's SQL."""
        return str(self._dialect.quoteIdentifier(column))

    @cached_property
    def spark_schema(self) -> T.StructType:
        """Spark's default schema, with the source's customSchema."""
        return self.load({}).schema

    def _query(self, condition: str, partition: str) -> str:
        """The source's table or query; a query of it if columns, conditions or partitions need other SQL."""
        readings = self._readings
        if not condition and not partition and not any(reading.sql for reading in readings.values()):
            return self._table
        columns = [f"{reading.sql(self.quote(name)) if reading.sql else self.quote(name)} AS {self.quote(name)}"
                   for name, reading in readings.items()]
        columns += [f"{self.quote(partition)} AS {self.quote(_PARTITION)}"] if partition else []
        where = f" WHERE {condition}" if condition else ""
        return f"(SELECT {', '.join(columns)} FROM {self._table}{where}) laketrain_rows"

    def _custom_schema(self) -> dict[str, str]:
        """The source's customSchema, extended by the types of the readings."""
        types = [f"{quoted(name)} {reading.fetch_type}" for name, reading in self._readings.items()
                if reading.fetch_type and name.lower() not in self._custom_columns]
        custom = self._option("customschema")
        return {"customSchema": ", ".join([*([custom] if custom else []), *types])} if types else {}

    def _check_columns(self) -> None:
        for name, reading in self._readings.items():
            if reading.problem:
                raise DataError("ingest", f"source {self.name!r}", f"column {name!r} {reading.problem}",
                                f"cast it to text in 'query': SELECT …, CAST({self.quote(name)} AS text) AS "
                                f"{self.quote(name)} FROM …; or name it in options: {{customSchema: …}}, to take what "
                                "Spark makes of it")

    @cached_property
    def _readings(self) -> dict[str, ColumnReading]:
        spark = self.spark_schema
        readings = {}
        for column, kind in zip(self._column_infos(), spark, strict=True):
            reading = column_reading(column, kind.dataType, self.scheme)
            if column.name.lower() in self._custom_columns:
                text = isinstance(kind.dataType, T.StringType) and self.scheme == "jdbc:sqlite"
                reading = ColumnReading("string", sql=reading.sql, numeric=reading.numeric) if text else AS_IS
            readings[kind.name] = reading
        return readings

    @cached_property
    def _custom_columns(self) -> set[str]:
        """The columns of the source's customSchema, whose types the user chose."""
        with suppress(Exception):  # Spark reports what is wrong with it
            schema = T.DataType.fromDDL(f"struct<{self._option('customschema') or ''}>")
            return {name.lower() for name in schema.fieldNames()} if isinstance(schema, T.StructType) else set()
        return set()

    def _column_infos(self) -> list[ColumnInfo]:
        """The column types as the server describes them. Spark's schema doesn't contain them."""
        with self._connect() as connection:
            query = f"{self._option('preparequery') or ''} {self._dialect.getSchemaQuery(self._table)}"
            statement = connection.prepareStatement(query.strip())
            try:
                columns = statement.executeQuery().getMetaData()
                return [ColumnInfo(columns.getColumnLabel(index), columns.getColumnType(index),
                                   str(columns.getColumnTypeName(index)), columns.getPrecision(index),
                                   columns.getScale(index)) for index in range(1, columns.getColumnCount() + 1)]
            finally:
                statement.close()

    @contextmanager
    def _connect(self) -> Iterator[Any]:
        options = self._jvm.java.util.HashMap()
        for key, value in self._options.items():
            options.put(key, value)
        jdbc_options = self._jvm.org.apache.spark.sql.execution.datasources.jdbc.JDBCOptions(
            self._jvm.PythonUtils.toScalaMap(options))
        connection = self._dialect.createConnectionFactory(jdbc_options).apply(-1)
        try:
            yield connection
        finally:
            connection.close()

    @property
    def _table(self) -> str:
        return self.source.reader_options["dbtable"]

    @cached_property
    def _options(self) -> dict[str, str]:
        options = self.source.reader_options
        names = {key.lower() for key in options}
        driver = drivers.driver(self.source.url)
        defaults = {**({"driver": driver} if driver else {}), **drivers.settings(self.scheme)}
        return {**{key: value for key, value in defaults.items() if key.lower() not in names}, **options,
                "url": self.url}

    def _option(self, option: str) -> str | None:
        return next((value for key, value in self.source.reader_options.items() if key.lower() == option), None)

    @property
    def _dialect(self) -> Any:
        return self._jvm.org.apache.spark.sql.jdbc.JdbcDialects.get(self.url)

    @property
    def _jvm(self) -> Any:
        assert self.spark._jvm is not None
        return self.spark._jvm


def _uses_jvm_zone(kind: T.DataType) -> bool:
    """Whether Spark converts values of this type by the JVM's time zone."""
    inner = kind.elementType if isinstance(kind, T.ArrayType) else kind
    return isinstance(inner, (T.DateType, T.TimestampType, T.TimestampNTZType))
