"""The common settings of all sources, of files and of servers: format and columns.

    source.columns      # the columns that the config declares
    source.reading      # the settings that affect the rows that are read

Each kind of source has a module in this folder and is a member of `AnySource`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal, get_args

from pydantic import Discriminator, Field, StringConstraints, Tag, field_validator

from laketrain.config.base import Section
from laketrain.config.column_names import same_form
from laketrain.config.sql.types import SparkType

RESERVED = ("_file", "_record", "_reject", "_corrupt", "_place", "_metadata", "_split", "_order", "_key")
"""Names of columns that the stages add temporarily."""

Connector = Literal["delta", "iceberg", "hudi", "mongodb", "cassandra", "elasticsearch", "hbase", "redis", "neo4j",
                    "snowflake", "bigquery", "redshift", "clickhouse", "kudu"]
EXTERNAL_FORMATS: Mapping[str, str] = {
    "kafka": "kafka", "jdbc": "jdbc", **dict.fromkeys(get_args(Connector), "connector")}
"""Formats of sources that Spark reads from a server or store, each with the tag of its kind."""

EnvironmentName = Annotated[str, StringConstraints(pattern=r"^[A-Z][A-Z0-9_]*$")]
Options = dict[str, str | int | float | bool]

Schema = Annotated[
    Annotated[dict[str, SparkType], Field(min_length=1), Tag("columns")] | Annotated[Literal["infer"], Tag("word")],
    Discriminator(lambda value: "word" if isinstance(value, str) else "columns"),
]


class BaseSource(Section):
    """The source of a table's raw data."""

    tag: ClassVar[str]
    """The name of the kind in the union of sources; `format` chooses it."""

    format: str
    """The format of the data."""
    declared: Schema | None = Field(default=None, alias="schema")
    """The columns, each with its Spark SQL type."""

    @property
    def columns(self) -> dict[str, str] | None:
        """The exact columns of the table, with types; None if they depend on the data."""
        raise NotImplementedError

    @property
    def file_path(self) -> str | None:
        """The path, for sources that have one."""
        return None

    @property
    def reading(self) -> dict[str, Any]:
        """The settings that affect which rows are read from the landed data."""
        raise NotImplementedError

    @field_validator("declared")
    @classmethod
    def _distinct(cls, columns: dict[str, str] | str | None) -> dict[str, str] | str | None:
        first: dict[str, str] = {}
        for name in columns if isinstance(columns, dict) else ():
            if name.lower() in RESERVED:
                raise ValueError(f"received the column {name!r}, a name that laketrain uses itself")
            form = same_form(name)
            if form in first:
                who = "Spark" if first[form].lower() == name.lower() else "nobody (they differ in Unicode's form alone)"
                raise ValueError(f"received {first[form]!r} and {name!r}, which {who} can't distinguish")
            first[form] = name
        return columns


class ServerSource(BaseSource):
    """A source whose rows Spark reads from a server, which may need secrets."""

    options: Options = Field(default_factory=dict)
    """Options of Spark's reader."""
    secrets: dict[str, EnvironmentName] = Field(default_factory=dict)
    """The secret options, each with the NAME of the environment variable that contains it on the driver."""

    def secret_options(self) -> dict[str, str]:
        """The secret options, with the values of their environment variables."""
        return {name: os.environ.get(variable, "") for name, variable in self.secrets.items()}

    def unset(self) -> str | None:
        """The first environment variable that should contain a secret and is empty."""
        return next((variable for variable in self.secret_variables() if not os.environ.get(variable)), None)

    def secret_variables(self) -> list[str]:
        """The environment variables that should contain secrets."""
        return list(self.secrets.values())
