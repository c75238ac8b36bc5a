"""Tables that Spark reads from a server or store: by JDBC, or by a connector such as Delta Lake's.

    sources:
      orders:
        format: jdbc
        url: jdbc:postgresql://db:5432/shop
        table: public.orders
        user_env: SHOP_USER
        password_env: SHOP_PASSWORD
        partition: {column: order_id, parts: 8}
        since: order_id
      profiles: {format: mongodb, options: {database: shop, collection: profiles}, secrets: {connection.uri: MONGO_URI}}
      prices: {format: delta, path: s3a://lake/prices}
"""

from __future__ import annotations

import os
import re
from typing import Any, ClassVar, Literal

from pydantic import Field, field_validator, model_validator

from laketrain.config.base import Section
from laketrain.config.language.secrets import contains_secret
from laketrain.config.sources.base import Connector, EnvironmentName, Options, Schema, ServerSource
from laketrain.config.sources.files import Drift, FileSource

_SECRET = re.compile(r"passw|secret|token|credential|private.?key|access.?key", re.IGNORECASE)
_PAIR = re.compile(r"(passw(or)?d|pwd|secret|token)=", re.IGNORECASE)


class TableSource(ServerSource):
    """A table on a server or in a store. Ingest lands its rows as Parquet in `raw/<name>`; if they equal the version
    before, it makes no new one."""

    declared: Schema = Field(default="infer", alias="schema")
    """The columns, each with its Spark SQL type; by default those that the connector returns, pinned when they are
    first cleaned."""
    drift: Drift = Drift()
    """What happens if the columns differ from the schema; by default only additional columns are accepted."""
    since: str | None = None
    """A column that only grows, without nulls, e.g. a serial number or a time of change. A run lands only rows above
    the largest value so far, and the new version contains those and all earlier ones. Rows that are changed, or
    committed late with a smaller value, are missed. By default each run lands the whole table."""

    @property
    def columns(self) -> dict[str, str] | None:
        return self.declared if isinstance(self.declared, dict) and self.drift.new != "keep" else None

    @property
    def reading(self) -> dict[str, Any]:
        return self.model_dump(mode="json", include={"declared", "drift"})

    @property
    def landed(self) -> FileSource:
        """The landed rows, as a source of files."""
        return FileSource.model_validate({"format": "parquet", "path": self.format, "schema": self.declared,
                                          "drift": self.drift.model_dump()})

    @property
    def location(self) -> str:
        """Identifies the table, without secrets: sources with the same location land the same rows."""
        raise NotImplementedError

    @property
    def reader_options(self) -> dict[str, str]:
        """All options of Spark's reader, including secrets."""
        return {**{name: str(value) for name, value in self.options.items()}, **self.secret_options()}

    @field_validator("options")
    @classmethod
    def _no_secret(cls, options: Options) -> Options:
        for name, value in options.items():
            if _SECRET.search(name) or _PAIR.search(str(value)) or contains_secret(str(value)):
                raise ValueError(f"received a value for {name!r} (not shown: it is a secret)",
                                 "Put it in the environment and its variable's name under 'secrets', e.g. "
                                 f"secrets: {{{name}: SHOP_SECRET}}")
        return options


class Partition(Section):
    """Reads a table by several tasks at a time, each a range of a column."""

    column: str = Field(min_length=1)
    """A column of whole numbers, dates or times."""
    parts: int = Field(default=8, ge=2, le=1000)
    """The number of ranges, and of connections to the database."""
    lower: int | str | None = None
    """The lower bound from which ranges are computed; by default the column's minimum. Rows below it are read too."""
    upper: int | str | None = None
    """The upper bound to which ranges are computed; by default the column's maximum. Rows above it are read too."""

    @model_validator(mode="after")
    def _both(self) -> Partition:
        if (self.lower is None) != (self.upper is None):
            raise ValueError("received only one of lower and upper", "Give both, or none to query them")
        return self


class JdbcSource(TableSource):
    """A table or query of a database, by JDBC."""

    tag: ClassVar[str] = "jdbc"

    format: Literal["jdbc"]
    """The Spark session needs the database's JDBC driver, e.g. the package org.postgresql:postgresql."""
    url: str = Field(pattern=r"^jdbc:[a-z]")
    """The database, e.g. jdbc:postgresql://db:5432/shop."""
    table: str | None = Field(default=None, min_length=1)
    """The table or view, with its schema if it has one."""
    query: str | None = Field(default=None, min_length=1)
    """Instead of `table`: a SELECT in the database's SQL."""
    user_env: EnvironmentName | None = None
    """The NAME of the environment variable that contains the user."""
    password_env: EnvironmentName | None = None
    """The NAME of the environment variable that contains the password."""
    partition: Partition | None = None
    """Read by several tasks; by default by one, which is enough for up to some million rows."""

    @property
    def location(self) -> str:
        return f"{self.url} {self.table or self.query}"

    @property
    def reader_options(self) -> dict[str, str]:
        dbtable = self.table or f"({(self.query or '').strip().rstrip(';')}) laketrain_query"
        return {"fetchsize": "10000", **super().reader_options, "url": self.url, "dbtable": dbtable,
                **{name: os.environ.get(variable, "") for name, variable in self._login.items()}}

    def secret_variables(self) -> list[str]:
        return [*super().secret_variables(), *self._login.values()]

    @property
    def _login(self) -> dict[str, str]:
        named = {"user": self.user_env, "password": self.password_env}
        return {name: variable for name, variable in named.items() if variable}

    @field_validator("url")
    @classmethod
    def _without_secret(cls, url: str) -> str:
        if contains_secret(url):
            raise ValueError("received a URL with a user or password in it (not shown)",
                             "Put user and password in the environment, and name them by user_env and password_env")
        return url

    @field_validator("options")
    @classmethod
    def _not_ours(cls, options: Options) -> Options:
        replaced = {"url": "url", "dbtable": "table", "query": "query", "user": "user_env",
                    "partitioncolumn": "partition", "lowerbound": "partition", "upperbound": "partition",
                    "numpartitions": "partition"}
        for name in options:
            if name.lower() in replaced:
                raise ValueError(f"received the option {name!r}, which laketrain sets itself",
                                 f"Use the source's {replaced[name.lower()]!r}")
        return options

    @model_validator(mode="after")
    def _one_of_both(self) -> JdbcSource:
        if (self.table is None) == (self.query is None):
            raise ValueError("expected one of table and query", "e.g. table: public.orders")
        return self


class ConnectorSource(TableSource):
    """A table of a store, by its Spark connector: Delta, Iceberg, MongoDB, Cassandra and others."""

    tag: ClassVar[str] = "connector"

    format: Connector
    """The connector's name in Spark; the session needs its package."""
    path: str | None = Field(default=None, min_length=1)
    """The table's path, for connectors that need one; a relative one starts from the config's directory."""

    @property
    def file_path(self) -> str | None:
        return self.path

    @property
    def location(self) -> str:
        options = (f"{key}={value}" for key, value in sorted(self.options.items()))
        return " ".join([self.format, self.path or "", *options])
