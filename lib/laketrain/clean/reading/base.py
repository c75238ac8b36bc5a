"""What every reader gives: rows with their file, their record and their mark, and what was found out on the way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql import types as T

from laketrain.clean.reading.landed import RawFile
from laketrain.spark.frames import SESSION_CONF, quoted, record

FILE, RECORD, REJECT = "_file", "_record", "_reject"
CORRUPT = "_corrupt"
VEILED = "(withheld)"
"""What stands in the place of a value that tells who somebody is."""
MOST_ASKED = 50
"""Columns of which a reason names the first that is wrong: each one makes the query longer."""
_REJECTION = "struct<rule:string,reason:string>"

SETTINGS: Mapping[str, str] = {
    **SESSION_CONF,
    # Spark 4 by itself takes no encodings but ISO-8859-1 and the Unicode ones.
    "spark.sql.legacy.javaCharsets": "true",
    # A stray byte is for the readers to judge: by default Spark 4 ends the query with it.
    "spark.sql.legacy.codingErrorAction": "true",
    # A record's width is looked at only where all its values are parsed, though few columns may be wanted.
    "spark.sql.csv.parser.columnPruning.enabled": "false",
    # So that a text has a number of JSON as it came, byte by byte.
    "spark.sql.json.enableExactStringParsing": "true",
    # Thousands of files are named one by one; by default Spark would look each of them up in a task of its own.
    "spark.sql.sources.parallelPartitionDiscovery.parallelism": "16",
}
"""The session's settings while it reads."""

ALL_FILES: Mapping[str, str] = {"ignoreCorruptFiles": "false", "ignoreMissingFiles": "false"}
"""Spark's options that say in a session which skips damaged files: not these."""


@dataclass(frozen=True)
class Reading:
    """A raw version's rows.

    frame: the columns, then FILE, RECORD, REJECT. pinned: the columns that later files are held to. rows: their
    number where the files themselves tell it. drift: what the files have beside the expected, as JSON.
    """

    frame: DataFrame
    pinned: T.StructType
    rows: int | None = None
    drift: dict[str, Any] = field(default_factory=dict)

    def count(self) -> int:
        """How many rows came in, rejected ones among them."""
        return self.frame.count() if self.rows is None else self.rows


class Reader(Protocol):
    """Reads files, at least one, of one format. `source` is of the kind that has this format; `expected` are the
    columns, None where they are to be inferred."""

    def __call__(self, spark: SparkSession, files: Sequence[RawFile], source: Any,
                 expected: T.StructType | None) -> Reading: ...


def rejection(rule: Column, reason: Column) -> Column:
    """The mark of a rejected row."""
    return F.struct(rule.alias("rule"), reason.alias("reason"))


def marked(frame: DataFrame, columns: Sequence[str], *, file: Column | None = None, came: Column | None = None,
           problem: Column | None = None) -> DataFrame:
    """The `columns` of `frame`, then FILE, RECORD and REJECT.

    Args:
        file: the row's file. came: the record as it came, where it isn't told by its columns. problem: why the row
            can't be read; null for good ones.
    """
    nothing = F.lit(None).cast("string")
    problem = nothing if problem is None else problem
    unreadable = F.when(problem.isNotNull(), rejection(F.lit("readable"), problem))
    own = record(list(columns)) if columns else F.lit("{}")
    return frame.select(
        *map(quoted, columns),
        (nothing if file is None else file).alias(FILE),
        (own if came is None else F.coalesce(came, own)).alias(RECORD),
        unreadable.otherwise(F.lit(None).cast(_REJECTION)).alias(REJECT),
    )


def taken(field: T.StructField, kind: T.DataType | None) -> Column:
    """The table's column `field`, of a file that has it as `kind`, or lacks it. What has parts is JSON as a text: a
    cast would write no names, and ["a, b"] as ["a", "b"]."""
    if kind is None:
        value = F.lit(None).cast(field.dataType)
    elif isinstance(field.dataType, T.StringType) and isinstance(kind, (T.ArrayType, T.MapType, T.StructType)):
        value = F.to_json(F.col(quoted(field.name)), {"ignoreNullFields": "false"})
    else:
        value = F.col(quoted(field.name)).cast(field.dataType)
    return value.alias(field.name)


def stray(text: Column) -> Column:
    """Which byte of a string that came as bytes is no UTF-8, in words; null where all are. A genuine U+FFFD is one."""
    genuine = F.replace(text, F.lit("\ufffd"), F.lit("???"))  # as many bytes, so that what is left is Spark's own
    before = F.octet_length(F.substring_index(F.make_valid_utf8(genuine), "\ufffd", 1))
    byte = F.hex(F.substring(text.cast("binary"), before + 1, F.lit(1)))
    problem = F.concat(F.lit("holds the byte 0x"), byte, F.lit(" at "), before, F.lit(", which isn't UTF-8"))
    return F.when(~F.is_valid_utf8(text), problem)


def shape_of(form: str, columns: T.StructType) -> str:
    """What a readable record is, in words."""
    if all(isinstance(column.dataType, T.StringType) for column in columns):
        return f"{form} record of {len(columns)} fields"
    kinds = ", ".join(f"{column.name} {column.dataType.simpleString()}" for column in columns)
    return f"{form} record of {kinds if len(kinds) < 200 else kinds[:199] + '…'}"
