"""Where raw data comes from.

    sources:
      pixels: {format: csv, path: ../landing/pixels/*.csv, schema: {digit_id: string, pixels: string}}
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator

from laketrain.config.base import Section
from laketrain.config.types import SparkType

RESERVED = ("_file", "_record", "_reject", "_corrupt", "_place", "_metadata", "_split", "_order")
"""Columns that the stages add for a while."""

SourceFormat = Literal["csv", "json", "parquet"]


class Source(Section):
    """Files that ingest lands, byte for byte, as one immutable version of `raw/<name>`.

    `path` is a file or a glob; a relative one is seen from the config's own directory. `columns` maps each column to
    the Spark SQL type in which it is *read*; for CSV and JSON the honest choice is string, since a rule can then say
    why a value is refused. `options` are Spark's reader options of that format.
    """

    format: SourceFormat
    path: str = Field(min_length=1)
    columns: dict[str, SparkType] = Field(alias="schema", min_length=1)
    options: dict[str, str | int | float | bool] = Field(default_factory=dict)

    @field_validator("columns")
    @classmethod
    def _told_apart(cls, columns: dict[str, str]) -> dict[str, str]:
        first: dict[str, str] = {}
        for name in columns:
            if name in RESERVED:
                raise ValueError(f"received the column {name!r}, a name that laketrain uses itself")
            if name.lower() in first:
                raise ValueError(f"received {first[name.lower()]!r} and {name!r}, which Spark can't tell apart")
            first[name.lower()] = name
        return columns
