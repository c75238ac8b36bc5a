"""What every reader returns: rows with the file and record that each came from, and why it is rejected."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql import types as T

from laketrain.clean.reading.raw_files import RawFile
from laketrain.spark.frames import SESSION_CONF, quoted, record

FILE, RECORD, REJECT = "_file", "_record", "_reject"
FILE_READ = "_place"
"""The column with a row's file until `with_metadata` makes it FILE: a source's own column may be called FILE, which is
reported only after the schema is inferred."""
CORRUPT = "_corrupt"
MASKED = "(withheld)"
"""Replaces personal values."""
MAX_CHECKED_COLUMNS = 50
"""A reason names the first wrong column only in tables with at most so many: each check makes the query longer."""
_REJECTION = "struct<rule:string,reason:string>"

SETTINGS: Mapping[str, str] = {
    **SESSION_CONF,
    # By default Spark 4 accepts only ISO-8859-1 and the Unicode encodings.
    "spark.sql.legacy.javaCharsets": "true",
    # The readers reject records with invalid bytes; by default Spark 4 fails the query.
    "spark.sql.legacy.codingErrorAction": "true",
    # Spark checks a record's width only if it parses all values, even if few columns are selected.
    "spark.sql.csv.parser.columnPruning.enabled": "false",
    # A JSON number that is read as text keeps its bytes.
    "spark.sql.json.enableExactStringParsing": "true",
    # By default Spark would look up each of thousands of paths in a separate task.
    "spark.sql.sources.parallelPartitionDiscovery.parallelism": "16",
}
"""The session's settings while clean runs."""

ALL_FILES: Mapping[str, str] = {"ignoreCorruptFiles": "false", "ignoreMissingFiles": "false"}
"""Options for Spark's readers, so that they fail on damaged files even in a session that skips them."""


@dataclass(frozen=True)
class Reading:
    """A raw version's rows.

    frame: the columns, then FILE, RECORD, REJECT. pinned: the columns that later files must have. rows: their number,
    if the files' metadata contain it. drift: how the files differ from the expected columns: files by kind and column.
    """

    frame: DataFrame
    pinned: T.StructType
    rows: int | None = None
    drift: dict[str, Any] = field(default_factory=dict)

    def count(self) -> int:
        """The number of rows, including rejected ones."""
        return self.frame.count() if self.rows is None else self.rows


class Reader(Protocol):
    """Reads one or more files of one format. `expected`: the columns, or None to infer them."""

    def __call__(self, spark: SparkSession, files: Sequence[RawFile], source: Any,
                 expected: T.StructType | None) -> Reading: ...


def rejection(rule: Column, reason: Column) -> Column:
    """The value of REJECT of a rejected row."""
    return F.struct(rule.alias("rule"), reason.alias("reason"))


def with_metadata(frame: DataFrame, columns: Sequence[str], *, file: Column | None = None,
                  original: Column | None = None, problem: Column | None = None) -> DataFrame:
    """The `columns` of `frame`, then FILE, RECORD and REJECT.

    Args:
        file: the row's file. original: the record as delivered; null or None for the columns as JSON. problem: why
            the row can't be read; null for good rows.
    """
    nothing = F.lit(None).cast("string")
    problem = nothing if problem is None else problem
    unreadable = F.when(problem.isNotNull(), rejection(F.lit("readable"), problem))
    as_json = record(list(columns)) if columns else F.lit("{}")
    return frame.select(
        *map(quoted, columns),
        (nothing if file is None else file).alias(FILE),
        (as_json if original is None else F.coalesce(original, as_json)).alias(RECORD),
        unreadable.otherwise(F.lit(None).cast(_REJECTION)).alias(REJECT),
    )


def table_column(field: T.StructField, kind: T.DataType | None) -> Column:
    """The table's column `field` from a file that has it as `kind`, or, if None, lacks it.

    Arrays, maps and structs become text as JSON: a cast would drop names, and write ["a, b"] like ["a", "b"].
    """
    if kind is None:
        value = F.lit(None).cast(field.dataType)
    elif isinstance(field.dataType, T.StringType) and isinstance(kind, (T.ArrayType, T.MapType, T.StructType)):
        value = F.to_json(F.col(quoted(field.name)), {"ignoreNullFields": "false"})
    else:
        value = F.col(quoted(field.name)).cast(field.dataType)
    return value.alias(field.name)


def invalid_utf8_message(text: Column) -> Column:
    """Names the first byte of a text that isn't UTF-8; null if all are. U+FFFD in the text itself is valid."""
    genuine = F.replace(text, F.lit("\ufffd"), F.lit("???"))  # the same number of bytes; U+FFFD is now Spark's only
    before = F.octet_length(F.substring_index(F.make_valid_utf8(genuine), "\ufffd", 1))
    byte = F.hex(F.substring(text.cast("binary"), before + 1, F.lit(1)))
    problem = F.concat(F.lit("holds the byte 0x"), byte, F.lit(" at "), before, F.lit(", which isn't UTF-8"))
    return F.when(~F.is_valid_utf8(text), problem)


def describe_record(form: str, columns: T.StructType) -> str:
    """Describes a readable record."""
    if all(isinstance(column.dataType, T.StringType) for column in columns):
        return f"{form} record of {len(columns)} fields"
    kinds = ", ".join(f"{column.name} {column.dataType.simpleString()}" for column in columns)
    return f"{form} record of {kinds if len(kinds) < 200 else kinds[:199] + '…'}"
