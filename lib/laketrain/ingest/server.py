"""Where a table source's rows are: asked for its rows, and for the least and the largest value of a column.

    server = Server(spark, "orders", source)
    server.rows(), server.bounds("order_id")
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property

from py4j.protocol import Py4JError
from pyspark.errors import PySparkException
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql import types as T

from laketrain.config.sources import ConnectorSource, JdbcSource, TableSource
from laketrain.errors import DataError, LaunchError, nearest
from laketrain.ingest import drivers
from laketrain.ingest.database import Database
from laketrain.ingest.remedies import remedy
from laketrain.ingest.rows import require_secrets
from laketrain.spark.errors import carried, first_sentence
from laketrain.spark.frames import quoted
from laketrain.spark.packages import way_to_package

_DELTA = ("{spark.sql.extensions: io.delta.sql.DeltaSparkSessionExtension, "
          "spark.sql.catalog.spark_catalog: org.apache.spark.sql.delta.catalog.DeltaCatalog}")
_MISSING = re.compile(r"No suitable driver|ClassNotFoundException|DATA_SOURCE_NOT_FOUND|Failed to find the data source")


@dataclass(frozen=True)
class Stretch:
    """Of a column that only grows, the values above `beyond` up to `upto`; `nulls` has rows without one pass too."""

    column: str
    beyond: str | None
    upto: str | None
    nulls: bool = True


class Server:
    """A table source as Spark reaches it."""

    def __init__(self, spark: SparkSession, name: str, source: TableSource) -> None:
        self.spark, self.name, self.source = spark, name, source
        require_secrets(name, source)
        self._database = Database(spark, name, source) if isinstance(source, JdbcSource) else None

    def rows(self, stretch: Stretch | None = None) -> DataFrame:
        """All rows of the table or those of a stretch, in as many partitions as the source says."""
        ranges = self._ranges()
        with self._reached():
            fetched = self._fetched(stretch, ranges)
            return self._database.exact(fetched) if self._database else fetched

    def spelt(self, column: str, key: str) -> str:
        """The table's own spelling of a column that `key` of the source names. Raises DataError where it has none."""
        there = self._schema.names
        alike = [name for name in there if name.lower() == column.lower()]
        if not alike:
            raise DataError("ingest", f"source {self.name!r}", f"has no column {column!r}, which {key!r} names",
                            nearest(column, there))
        return column if column in alike else alike[0]

    def kind(self, column: str) -> T.DataType:
        """The type that a column is fetched as, in the table's own spelling."""
        return T.StringType() if self._as_text(column) else self._schema[column].dataType

    @cached_property
    def _schema(self) -> T.StructType:
        with self._reached():
            return self._database.spark_schema if self._database else self._load().schema

    def has(self, stretch: Stretch) -> bool:
        """Whether there is a row in it."""
        with self._reached():
            return not self._fetched(stretch, {}).isEmpty()

    def bounds(self, column: str) -> tuple[str | None, str | None]:
        """The least and the largest value as text; None where there is no row."""
        with self._reached():
            if self._database:
                return self._database.bounds(column)
            found = self._load().agg(F.min(quoted(column)), F.max(quoted(column)))
            [row] = found.select(*(F.col(f"`{one}`").cast("string") for one in found.columns)).collect()
        return row[0], row[1]

    def largest(self, column: str) -> str | None:
        """The largest value as text, to which rows are counted. Raises DataError where it is infinity or its like."""
        _, most = self.bounds(column)
        if most is None or self._database is None:
            return most
        return self._database.counted(column, most, "since")

    def _fetched(self, stretch: Stretch | None, ranges: Mapping[str, str]) -> DataFrame:
        if self._database and stretch and self._as_text(stretch.column):
            condition = self._database.condition(stretch.column, stretch.beyond, stretch.upto, stretch.nulls)
            return self._database.rows(ranges, condition)
        fetched = self._database.rows(ranges) if self._database else self._load()
        return fetched.where(self._within(stretch, fetched)) if stretch else fetched

    def _as_text(self, column: str) -> bool:
        with self._reached():
            return self._database is not None and self._database.reading(column).fetched is not None

    @staticmethod
    def _within(stretch: Stretch, fetched: DataFrame) -> Column:
        grown, kind = F.col(quoted(stretch.column)), fetched.schema[stretch.column].dataType
        wanted = grown <= F.lit(stretch.upto).cast(kind) if stretch.upto is not None else F.lit(False)
        if stretch.beyond is not None:
            wanted &= grown > F.lit(stretch.beyond).cast(kind)
        return wanted | grown.isNull() if stretch.nulls else wanted

    def _load(self) -> DataFrame:
        reader = self.spark.read.format(self.source.format).options(**self.source.given)
        path = self.source.path if isinstance(self.source, ConnectorSource) else None
        return reader.load(path) if path else reader.load()

    def _ranges(self) -> dict[str, str]:
        partition = self.source.partition if isinstance(self.source, JdbcSource) else None
        if partition is None or self._database is None:
            return {}
        column = self.spelt(partition.column, "partition")
        least, most = partition.lower, partition.upper
        if least is None:
            least, most = self.bounds(column)
        if least is None:
            return {}
        with self._reached():
            lower, upper = (self._database.counted(column, str(bound), "partition") for bound in (least, most))
        return {"partitionColumn": column, "lowerBound": lower, "upperBound": upper,
                "numPartitions": str(partition.parts)}

    @contextmanager
    def _reached(self) -> Iterator[None]:
        try:
            yield
        except (Py4JError, PySparkException) as error:
            text, subject = str(error), f"source {self.name!r}"
            if _MISSING.search(text):
                raise LaunchError("ingest", subject, f"Spark has no {self._what} in this session",
                                  f"{self._naming}{way_to_package(self._package)}") from error
            if "DELTA_CONFIGURE_SPARK_SESSION" in text:
                raise LaunchError("ingest", subject, "this Spark session is not set up for Delta",
                                  f"in the config, spark: {{conf: {_DELTA}}}") from error
            if (ours := carried(error)) is not None:
                raise ours from error
            raise DataError("ingest", subject, f"can't be read: {first_sentence(text)}", remedy(text)) from error

    @property
    def _what(self) -> str:
        form = self.source.format
        return f"driver for {self._scheme}" if form == "jdbc" else f"connector for {form}"

    @property
    def _naming(self) -> str:
        """By the URL alone Java finds no driver that came as a package."""
        known = not isinstance(self.source, JdbcSource) or drivers.driver(self.source.url)
        return "" if known else "name the driver's class in options: {driver: …}, and "

    @property
    def _scheme(self) -> str:
        return drivers.scheme(self.source.url) if isinstance(self.source, JdbcSource) else self.source.format

    @property
    def _package(self) -> str:
        place = self.source.url if isinstance(self.source, JdbcSource) else self.source.format
        return drivers.package(place) or f"<the package of {self._scheme}>"
