"""What every source says, whether its rows come as files or are read from elsewhere: its format, and its columns.

    source.columns, source.reading      # what the config alone knows of the table; what shapes the rows that are read

A kind of source is a file beside this one and a member of `AnySource`.
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
"""Columns that the stages add for a while."""

Connector = Literal["delta", "iceberg", "hudi", "mongodb", "cassandra", "elasticsearch", "hbase", "redis", "neo4j",
                    "snowflake", "bigquery", "redshift", "clickhouse", "kudu"]
ELSEWHERE: Mapping[str, str] = {"kafka": "kafka", "jdbc": "jdbc", **dict.fromkeys(get_args(Connector), "connector")}
"""Formats of sources whose rows Spark reads from elsewhere, each with the tag of its kind."""

EnvironmentName = Annotated[str, StringConstraints(pattern=r"^[A-Z][A-Z0-9_]*$")]
Options = dict[str, str | int | float | bool]

Schema = Annotated[
    Annotated[dict[str, SparkType], Field(min_length=1), Tag("columns")] | Annotated[Literal["infer"], Tag("word")],
    Discriminator(lambda value: "word" if isinstance(value, str) else "columns"),
]


class BaseSource(Section):
    """Where a table's raw data comes from."""

    tag: ClassVar[str]
    """The name of its kind in the union of sources, which its `format` chooses."""

    format: str
    """What the data is."""
    declared: Schema | None = Field(default=None, alias="schema")
    """Each column with its Spark SQL type."""

    @property
    def columns(self) -> dict[str, str] | None:
        """The columns that the table has for certain and no others, by type; None where only the data will tell."""
        raise NotImplementedError

    @property
    def file_path(self) -> str | None:
        """Where it lies, for sources that lie at a path."""
        return None

    @property
    def reading(self) -> dict[str, Any]:
        """The settings that shape the rows which are read of what has landed."""
        raise NotImplementedError

    @field_validator("declared")
    @classmethod
    def _told_apart(cls, columns: dict[str, str] | str | None) -> dict[str, str] | str | None:
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
    """A source whose rows Spark reads from a server, which may want secrets."""

    options: Options = Field(default_factory=dict)
    """Options of Spark's reader."""
    secrets: dict[str, EnvironmentName] = Field(default_factory=dict)
    """Those of its options that are secret, each with the NAME of the environment variable that holds it on the
    driver."""

    def secret_options(self) -> dict[str, str]:
        """The secret options, with what their variables hold."""
        return {name: os.environ.get(variable, "") for name, variable in self.secrets.items()}

    def unset(self) -> str | None:
        """The first environment variable that ought to hold a secret and holds none."""
        return next((variable for variable in self.secret_variables() if not os.environ.get(variable)), None)

    def secret_variables(self) -> list[str]:
        """The environment variables that ought to hold secrets."""
        return list(self.secrets.values())
