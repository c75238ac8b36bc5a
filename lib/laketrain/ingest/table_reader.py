"""Reads a table source, by JDBC or a connector: its rows, and the least and the largest value of a column.

    reader = TableReader(spark, "orders", source)
    reader.rows(), reader.bounds("order_id")
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
from laketrain.ingest.hints import hint_for
from laketrain.ingest.jdbc import JdbcTable
from laketrain.ingest.rows import require_secrets
from laketrain.spark.errors import first_sentence, unwrap_executor_error, with_causes
from laketrain.spark.frames import quoted
from laketrain.spark.packages import missing_package_hint

_DELTA = ("{spark.sql.extensions: io.delta.sql.DeltaSparkSessionExtension, "
          "spark.sql.catalog.spark_catalog: org.apache.spark.sql.delta.catalog.DeltaCatalog}")
_MISSING = re.compile(r"No suitable driver|ClassNotFoundException|DATA_SOURCE_NOT_FOUND|Failed to find the data source")


@dataclass(frozen=True)
class ValueRange:
    """The rows whose value of `column` is larger than `above` and at most `up_to`, and with `nulls` those without one.
    None is no lower limit, and no value at all."""

    column: str
    above: str | None
    up_to: str | None
    nulls: bool = True


class TableReader:
    """A table source that Spark reads."""

    def __init__(self, spark: SparkSession, name: str, source: TableSource) -> None:
        self.spark, self.name, self.source = spark, name, source
        require_secrets(name, source)
        self._jdbc = JdbcTable(spark, name, source) if isinstance(source, JdbcSource) else None

    def rows(self, values: ValueRange | None = None) -> DataFrame:
        """All rows of the table, or those of a range of values, in the partitions that the source configures."""
        ranges = self._ranges()
        with self._translate_errors():
            fetched = self._fetch(values, ranges)
            return self._jdbc.cast(fetched) if self._jdbc else fetched

    def resolve(self, column: str, key: str) -> str:
        """The table's spelling of a column that `key` of the source names. Raises DataError where it doesn't exist."""
        names = self._schema.names
        matches = [name for name in names if name.lower() == column.lower()]
        if not matches:
            raise DataError("ingest", f"source {self.name!r}", f"has no column {column!r}, which {key!r} names",
                            nearest(column, names))
        return column if column in matches else matches[0]

    def kind(self, column: str) -> T.DataType:
        """The type that a column, in the table's spelling, is fetched as."""
        return T.StringType() if self._as_text(column) else self._schema[column].dataType

    @cached_property
    def _schema(self) -> T.StructType:
        with self._translate_errors():
            return self._jdbc.spark_schema if self._jdbc else self._load().schema

    def has_rows(self, values: ValueRange) -> bool:
        """Whether the range has rows."""
        with self._translate_errors():
            return not self._fetch(values, {}).isEmpty()

    def bounds(self, column: str) -> tuple[str | None, str | None]:
        """The least and the largest value as text; None where there are no rows."""
        with self._translate_errors():
            if self._jdbc:
                return self._jdbc.bounds(column)
            bounds = self._load().agg(F.min(quoted(column)), F.max(quoted(column)))
            [row] = bounds.select(*(F.col(f"`{name}`").cast("string") for name in bounds.columns)).collect()
        return row[0], row[1]

    def largest(self, column: str) -> str | None:
        """The largest value as text, for `since`. Raises DataError for NaN and infinity."""
        _, most = self.bounds(column)
        if most is None or self._jdbc is None:
            return most
        return self._jdbc.checked_bound(column, most, "since")

    def _fetch(self, values: ValueRange | None, ranges: Mapping[str, str]) -> DataFrame:
        if self._jdbc and values and self._as_text(values.column):
            condition = self._jdbc.condition(values.column, values.above, values.up_to, values.nulls)
            return self._jdbc.rows(ranges, condition)
        fetched = self._jdbc.rows(ranges) if self._jdbc else self._load()
        return fetched.where(self._within(values, fetched)) if values else fetched

    def _as_text(self, column: str) -> bool:
        with self._translate_errors():
            return self._jdbc is not None and self._jdbc.reading(column).fetch_type is not None

    @staticmethod
    def _within(values: ValueRange, fetched: DataFrame) -> Column:
        value, kind = F.col(quoted(values.column)), fetched.schema[values.column].dataType
        within = value <= F.lit(values.up_to).cast(kind) if values.up_to is not None else F.lit(False)
        if values.above is not None:
            within &= value > F.lit(values.above).cast(kind)
        return within | value.isNull() if values.nulls else within

    def _load(self) -> DataFrame:
        reader = self.spark.read.format(self.source.format).options(**self.source.reader_options)
        path = self.source.path if isinstance(self.source, ConnectorSource) else None
        return reader.load(path) if path else reader.load()

    def _ranges(self) -> dict[str, str]:
        partition = self.source.partition if isinstance(self.source, JdbcSource) else None
        if partition is None or self._jdbc is None:
            return {}
        column = self.resolve(partition.column, "partition")
        least, most = partition.lower, partition.upper
        if least is None:
            least, most = self.bounds(column)
        if least is None:
            return {}
        with self._translate_errors():
            lower, upper = (self._jdbc.checked_bound(column, str(bound), "partition") for bound in (least, most))
        return {"partitionColumn": column, "lowerBound": lower, "upperBound": upper,
                "numPartitions": str(partition.parts)}

    @contextmanager
    def _translate_errors(self) -> Iterator[None]:
        try:
            yield
        except (Py4JError, PySparkException) as error:
            text, subject = with_causes(error), f"source {self.name!r}"
            if _MISSING.search(text):
                raise LaunchError("ingest", subject, f"Spark has no {self._component} in this session",
                                  f"{self._driver_hint}{missing_package_hint(self._package)}") from error
            if "DELTA_CONFIGURE_SPARK_SESSION" in text:
                raise LaunchError("ingest", subject, "this Spark session is not set up for Delta",
                                  f"in the config, spark: {{conf: {_DELTA}}}") from error
            if (executor_error := unwrap_executor_error(error)) is not None:
                raise executor_error from error
            raise DataError("ingest", subject, f"can't be read: {first_sentence(text)}", hint_for(text)) from error

    @property
    def _component(self) -> str:
        form = self.source.format
        return f"driver for {self._scheme}" if form == "jdbc" else f"connector for {form}"

    @property
    def _driver_hint(self) -> str:
        """The hint for an unknown driver: Java doesn't find drivers of packages by the URL alone."""
        is_known = not isinstance(self.source, JdbcSource) or drivers.driver(self.source.url)
        return "" if is_known else "name the driver's class in options: {driver: …}, and "

    @property
    def _scheme(self) -> str:
        return drivers.scheme(self.source.url) if isinstance(self.source, JdbcSource) else self.source.format

    @property
    def _package(self) -> str:
        key = self.source.url if isinstance(self.source, JdbcSource) else self.source.format
        return drivers.package(key) or f"<the package of {self._scheme}>"
