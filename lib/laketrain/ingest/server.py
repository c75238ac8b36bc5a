"""Where a table source's rows are: asked for its rows, and for the least and the largest value of a column.

    server = Server(spark, "orders", source)
    server.rows(), server.bounds("order_id")
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property

from py4j.protocol import Py4JError
from pyspark.errors import PySparkException
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql import types as T

from laketrain.config.sources import ConnectorSource, JdbcSource, TableSource
from laketrain.errors import DataError, LaunchError, nearest
from laketrain.ingest.rows import require_secrets
from laketrain.spark.errors import first_sentence
from laketrain.spark.frames import quoted
from laketrain.spark.packages import way_to_package

_PACKAGES: Mapping[str, str] = {
    "jdbc:postgresql": "org.postgresql:postgresql:42.7.4",
    "jdbc:mysql": "com.mysql:mysql-connector-j:9.1.0",
    "jdbc:mariadb": "org.mariadb.jdbc:mariadb-java-client:3.5.1",
    "jdbc:sqlserver": "com.microsoft.sqlserver:mssql-jdbc:12.8.1.jre11",
    "jdbc:oracle": "com.oracle.database.jdbc:ojdbc11:23.6.0.24.10",
    "delta": "io.delta:delta-spark_2.13:4.0.0",
    "iceberg": "org.apache.iceberg:iceberg-spark-runtime-4.0_2.13:1.10.0",
    "mongodb": "org.mongodb.spark:mongo-spark-connector_2.13:10.5.0",
}
_DRIVERS: Mapping[str, str] = {
    "jdbc:postgresql": "org.postgresql.Driver",
    "jdbc:mysql": "com.mysql.cj.jdbc.Driver",
    "jdbc:mariadb": "org.mariadb.jdbc.Driver",
    "jdbc:sqlserver": "com.microsoft.sqlserver.jdbc.SQLServerDriver",
    "jdbc:oracle": "oracle.jdbc.OracleDriver",
}
"""Named to Spark: by the URL alone Java finds no driver that came as a package."""
_DELTA = ("{spark.sql.extensions: io.delta.sql.DeltaSparkSessionExtension, "
          "spark.sql.catalog.spark_catalog: org.apache.spark.sql.delta.catalog.DeltaCatalog}")
_MISSING = re.compile(r"No suitable driver|ClassNotFoundException|DATA_SOURCE_NOT_FOUND|Failed to find the data source")


class Server:
    """A table source as Spark reaches it."""

    def __init__(self, spark: SparkSession, name: str, source: TableSource) -> None:
        self.spark, self.name, self.source = spark, name, source
        require_secrets(name, source)

    def rows(self) -> DataFrame:
        """All rows of the table, in as many partitions as the source says."""
        ranges = self._ranges()
        with self._reached():
            return self._load(ranges)

    def spelt(self, column: str, key: str) -> str:
        """The table's own spelling of a column that `key` of the source names. Raises DataError where it has none."""
        there = self._schema.names
        alike = [name for name in there if name.lower() == column.lower()]
        if not alike:
            raise DataError("ingest", f"source {self.name!r}", f"has no column {column!r}, which {key!r} names",
                            nearest(column, there))
        return column if column in alike else alike[0]

    def kind(self, column: str) -> T.DataType:
        """The type of a column, in the table's own spelling."""
        return self._schema[column].dataType

    @cached_property
    def _schema(self) -> T.StructType:
        with self._reached():
            return self._load({}).schema

    def has(self, condition: Column) -> bool:
        """Whether there is a row of which it is true."""
        with self._reached():
            return not self._load({}).where(condition).isEmpty()

    def bounds(self, column: str) -> tuple[str | None, str | None]:
        """The least and the largest value as text; None where there is no row."""
        with self._reached():
            if isinstance(self.source, JdbcSource):
                # Asked of the database: Spark would fetch the whole column.
                named = self._quoted(column)
                asked = (f"(SELECT MIN({named}) AS least, MAX({named}) AS most FROM {self.source.given['dbtable']}) "
                         "laketrain_bounds")
                found = self._load({"dbtable": asked})
            else:
                found = self._load({}).agg(F.min(quoted(column)), F.max(quoted(column)))
            [row] = found.select(*(F.col(f"`{one}`").cast("string") for one in found.columns)).collect()
        return row[0], row[1]

    def _load(self, more: Mapping[str, str]) -> DataFrame:
        driver = {"driver": _DRIVERS[self._scheme]} if self._scheme in _DRIVERS else {}
        reader = self.spark.read.format(self.source.format).options(**{**driver, **self.source.given, **more})
        path = self.source.path if isinstance(self.source, ConnectorSource) else None
        return reader.load(path) if path else reader.load()

    def _ranges(self) -> dict[str, str]:
        partition = self.source.partition if isinstance(self.source, JdbcSource) else None
        if partition is None:
            return {}
        column = self.spelt(partition.column, "partition")
        least, most = partition.lower, partition.upper
        if least is None:
            least, most = self.bounds(column)
        if least is None:
            return {}
        return {"partitionColumn": self._quoted(column), "lowerBound": str(least), "upperBound": str(most),
                "numPartitions": str(partition.parts)}

    def _quoted(self, column: str) -> str:
        assert isinstance(self.source, JdbcSource) and self.spark._jvm is not None
        return str(self.spark._jvm.org.apache.spark.sql.jdbc.JdbcDialects.get(self.source.url).quoteIdentifier(column))

    @contextmanager
    def _reached(self) -> Iterator[None]:
        try:
            yield
        except (Py4JError, PySparkException) as error:
            text, subject = str(error), f"source {self.name!r}"
            if _MISSING.search(text):
                raise LaunchError("ingest", subject, f"Spark has no {self._what} in this session",
                                  way_to_package(self._package)) from error
            if "DELTA_CONFIGURE_SPARK_SESSION" in text:
                raise LaunchError("ingest", subject, "this Spark session is not set up for Delta",
                                  f"in the config, spark: {{conf: {_DELTA}}}") from error
            raise DataError("ingest", subject, f"can't be read: {first_sentence(text)}",
                            "check the source's address, names and rights, and that the server runs") from error

    @property
    def _what(self) -> str:
        form = self.source.format
        return f"driver for {self._scheme}" if form == "jdbc" else f"connector for {form}"

    @property
    def _scheme(self) -> str:
        return ":".join(self.source.url.split(":")[:2]) if isinstance(self.source, JdbcSource) else self.source.format

    @property
    def _package(self) -> str:
        return _PACKAGES.get(self._scheme, f"<the package of {self._scheme}>")
