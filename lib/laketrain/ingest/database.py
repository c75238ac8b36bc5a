"""A table of a database as Spark reads it by JDBC: which options, which SQL, and how each column is fetched.

    table = Database(spark, "orders", source)
    table.rows(ranges={}, condition=None), table.condition("id", beyond="7", upto="9", nulls=True)
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
from laketrain.ingest.jdbc_types import AS_IS, Described, Reading, counts, exactly, literal, reading_of
from laketrain.spark.frames import quoted
from laketrain.spark.zone import require_utc

_PART = "laketrain_part"
"""A second copy of the column by whose ranges the table is read, where the first is fetched as text. It is never
fetched."""


class Database:
    """The table of one source."""

    def __init__(self, spark: SparkSession, name: str, source: JdbcSource) -> None:
        self.spark, self.name, self.source = spark, name, source
        self.scheme, self.url = drivers.scheme(source.url), drivers.address(source.url)

    def rows(self, ranges: Mapping[str, str] | None = None, condition: str = "") -> DataFrame:
        """The rows as they are fetched, before they become what the table holds.

        Args:
            ranges: Spark's options to read in several parts.
            condition: in the database's SQL.
        """
        self._refuse()
        if any(reading is AS_IS and _zoned(self.spark_schema[name].dataType)
               for name, reading in self._readings.items()):
            require_utc(self.spark, "ingest", f"source {self.name!r}")
        ranges = dict(ranges or {})
        by = ranges.pop("partitionColumn", "")
        text = bool(by) and self.reading(by).fetched is not None
        if by:
            ranges["partitionColumn"] = self.quote(_PART if text else by)
        table = self._asked(condition, by if text else "")
        fetched = self.load({"dbtable": table, **self._custom(), **ranges})
        return fetched.drop(_PART) if text else fetched

    def exact(self, fetched: DataFrame) -> DataFrame:
        """The rows with the types that the table holds."""
        return fetched.select(*(
            exactly(self.reading(one), self.name, one, F.col(quoted(one))).alias(one) for one in fetched.columns))

    def reading(self, column: str) -> Reading:
        """How a column is read."""
        return self._readings.get(column, AS_IS)

    def condition(self, column: str, beyond: str | None, upto: str | None, nulls: bool) -> str:
        """In the database's SQL: the rows of that stretch of a column that is fetched as text."""
        named, reading = self.quote(column), self.reading(column)
        if upto is None:
            wanted = "1 = 0"
        else:
            above = [f"{named} > {literal(reading, beyond)}"] if beyond is not None else []
            wanted = " AND ".join([f"{named} <= {literal(reading, upto)}", *above])
        return f"({wanted}) OR {named} IS NULL" if nulls else wanted

    def bounds(self, column: str) -> tuple[str | None, str | None]:
        """Asked of the database: Spark would fetch the whole column."""
        reading, named = self.reading(column), self.quote(column)
        shown = reading.sql or str
        parts = [f"{shown(f'{function}({named})')} AS {self.quote(name)}"
                 for function, name in (("MIN", "least"), ("MAX", "most"))]
        asked = f"(SELECT {', '.join(parts)} FROM {self._table}) laketrain_bounds"
        text = {"customSchema": "least STRING, most STRING"} if reading.fetched else {}
        found = self.load({"dbtable": asked, **text})
        [row] = found.select(*(F.col(f"`{one}`").cast("string") for one in found.columns)).collect()
        return row[0], row[1]

    def counted(self, column: str, value: str, key: str) -> str:
        """A bound of a column, whole where Spark makes ranges of it. Raises DataError for infinity and its like."""
        reading = self.reading(column)
        if key == "since" and not reading.sql and isinstance(self.spark_schema[column].dataType, T.FloatType):
            raise DataError("ingest", f"source {self.name!r}", f"column {column!r}, which {key!r} names, is a float, "
                            "whose values servers don't find again by their digits",
                            f"name another column in {key!r}, or cast it to a double in 'query'")
        if not (counts(reading, value) if reading.fetched else value not in ("NaN", "Infinity", "-Infinity")):
            raise DataError("ingest", f"source {self.name!r}", f"column {column!r}, which {key!r} names, holds "
                            f"{value!r}, to which nothing can be counted",
                            f"leave such rows out in 'query', or name another column in {key!r}")
        whole = key == "partition" and (reading.number or isinstance(self.spark_schema[column].dataType, T.DecimalType))
        return str(int(Decimal(value) // 1)) if whole else value

    def load(self, more: Mapping[str, str]) -> DataFrame:
        """What Spark's reader makes of the source with more options."""
        return self.spark.read.format("jdbc").options(**{**self._options, **more}).load()

    def quote(self, column: str) -> str:
        """A name as the database's SQL takes it."""
        return str(self._dialect.quoteIdentifier(column))

    @cached_property
    def spark_schema(self) -> T.StructType:
        """As Spark by itself, and the source's own customSchema, would have it."""
        return self.load({}).schema

    def _asked(self, condition: str, part: str) -> str:
        """The source's table or query, or a query of it where the server is to tell something in another way."""
        readings = self._readings
        if not condition and not part and not any(reading.sql for reading in readings.values()):
            return self._table
        columns = [f"{reading.sql(self.quote(name)) if reading.sql else self.quote(name)} AS {self.quote(name)}"
                   for name, reading in readings.items()]
        columns += [f"{self.quote(part)} AS {self.quote(_PART)}"] if part else []
        where = f" WHERE {condition}" if condition else ""
        return f"(SELECT {', '.join(columns)} FROM {self._table}{where}) laketrain_rows"

    def _custom(self) -> dict[str, str]:
        """The source's own customSchema, and after it ours."""
        ours = [f"{quoted(name)} {reading.fetched}" for name, reading in self._readings.items()
                if reading.fetched and name.lower() not in self._own]
        given = self._given("customschema")
        return {"customSchema": ", ".join([*([given] if given else []), *ours])} if ours else {}

    def _refuse(self) -> None:
        for name, reading in self._readings.items():
            if reading.refused:
                raise DataError("ingest", f"source {self.name!r}", f"column {name!r} {reading.refused}",
                                f"cast it to text in 'query': SELECT …, CAST({self.quote(name)} AS text) AS "
                                f"{self.quote(name)} FROM …; or name it in options: {{customSchema: …}}, to take what "
                                "Spark makes of it")

    @cached_property
    def _readings(self) -> dict[str, Reading]:
        spark = self.spark_schema
        found = {}
        for column, kind in zip(self._described(), spark, strict=True):
            reading = reading_of(column, kind.dataType, self.scheme)
            if column.name.lower() in self._own:
                text = isinstance(kind.dataType, T.StringType) and self.scheme == "jdbc:sqlite"
                reading = Reading("string", sql=reading.sql, number=reading.number) if text else AS_IS
            found[kind.name] = reading
        return found

    @cached_property
    def _own(self) -> set[str]:
        """The columns that the source's own customSchema names, whose types are its affair."""
        with suppress(Exception):  # to say what is wrong with it is Spark's affair
            named = T.DataType.fromDDL(f"struct<{self._given('customschema') or ''}>")
            return {name.lower() for name in named.fieldNames()} if isinstance(named, T.StructType) else set()
        return set()

    def _described(self) -> list[Described]:
        """Asked of the server: Spark doesn't tell what it made its types of."""
        with self._connected() as connection:
            asked = f"{self._given('preparequery') or ''} {self._dialect.getSchemaQuery(self._table)}"
            statement = connection.prepareStatement(asked.strip())
            try:
                said = statement.executeQuery().getMetaData()
                return [Described(said.getColumnLabel(at), said.getColumnType(at), str(said.getColumnTypeName(at)),
                                  said.getPrecision(at), said.getScale(at))
                        for at in range(1, said.getColumnCount() + 1)]
            finally:
                statement.close()

    @contextmanager
    def _connected(self) -> Iterator[Any]:
        options = self._jvm.java.util.HashMap()
        for key, value in self._options.items():
            options.put(key, value)
        made = self._jvm.org.apache.spark.sql.execution.datasources.jdbc.JDBCOptions(
            self._jvm.PythonUtils.toScalaMap(options))
        connection = self._dialect.createConnectionFactory(made).apply(-1)
        try:
            yield connection
        finally:
            connection.close()

    @property
    def _table(self) -> str:
        return self.source.given["dbtable"]

    @cached_property
    def _options(self) -> dict[str, str]:
        given = self.source.given
        named = {key.lower() for key in given}
        driver = drivers.driver(self.source.url)
        ours = {**({"driver": driver} if driver else {}), **drivers.settings(self.scheme)}
        return {**{key: value for key, value in ours.items() if key.lower() not in named}, **given, "url": self.url}

    def _given(self, option: str) -> str | None:
        return next((value for key, value in self.source.given.items() if key.lower() == option), None)

    @property
    def _dialect(self) -> Any:
        return self._jvm.org.apache.spark.sql.jdbc.JdbcDialects.get(self.url)

    @property
    def _jvm(self) -> Any:
        assert self.spark._jvm is not None
        return self.spark._jvm


def _zoned(kind: T.DataType) -> bool:
    """Whether Spark reads such values by way of Java's zone."""
    inner = kind.elementType if isinstance(kind, T.ArrayType) else kind
    return isinstance(inner, (T.DateType, T.TimestampType, T.TimestampNTZType))
