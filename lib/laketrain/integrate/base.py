"""Inputs and results of a step, and helpers that several steps use.

    result = join(table, step, tables, cache)      # StepResult(frame, rows=258, rejected=…, counts={"matched": 258})
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import reduce
from operator import and_, or_
from typing import Any

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from laketrain.errors import DataError
from laketrain.spark.frames import quoted, record

_COUNT, _EXAMPLE = "_integrate_rows", "_integrate_example"


@dataclass(frozen=True)
class TableRows:
    """A table's rows and their number. `name` is used in messages, e.g. `clean/pixels`."""

    name: str
    frame: DataFrame
    rows: int


@dataclass(frozen=True)
class StepResult:
    """The output of a step.

    Attributes:
        frame: the rows after the step. rows: their number; None where it isn't known without a count.
        rejected: rows of the table so far that go to quarantine (file, rule, reason, record).
        others: rows of other tables that go to quarantine.
        counts: further counts of the step, for the version's entry.
    """

    frame: DataFrame
    rows: int | None = None
    rejected: DataFrame | None = None
    others: DataFrame | None = None
    counts: Mapping[str, Any] = field(default_factory=dict)


def column(name: str) -> Column:
    """The column with exactly this name, which may contain dots."""
    return F.col(quoted(name))


def none_null(names: Iterable[str]) -> Column:
    """Whether all of the columns have a value."""
    return reduce(and_, (column(name).isNotNull() for name in names), F.lit(True))


def any_null(names: Iterable[str]) -> Column:
    """Whether any of the columns is null."""
    return reduce(or_, (column(name).isNull() for name in names), F.lit(False))


def format_values(names: Iterable[str]) -> Column:
    """A row's values as text: `id, day = 7, null`."""
    names = list(names)
    texts = [F.coalesce(column(name).cast("string"), F.lit("null")) for name in names]
    return F.concat(F.lit(f"{', '.join(names)} = "), F.concat_ws(", ", *texts))


def to_quarantine(rows: DataFrame, columns: list[str], file: str, rule: str, reason: Column) -> DataFrame:
    """`rows` in the schema of quarantine, with `columns` as their record."""
    return rows.select(F.lit(file).alias("file"), F.lit(rule).alias("rule"), reason.alias("reason"),
                       record(columns).alias("record"))


def fail_on(rejected: DataFrame, subject: str, description: str, hint: str) -> None:
    """Raises DataError with the number of `rejected` rows, their description and an example, if there are any."""
    summary = rejected.agg(F.count("*").alias("rows"), F.min("reason").alias("reason")).collect()[0]
    if summary["rows"]:
        raise DataError("integrate", subject, f"{summary['rows']} rows of {description}, e.g. {summary['reason']}",
                        hint)


def duplicate_examples(frame: DataFrame, by: Iterable[str], show: Iterable[str]) -> str:
    """Describes up to three groups of rows that are equal in the columns `by`, by their columns `show`; '' where there
    are none. Rows with a null in `by` equal no other."""
    by = list(by)
    texts = [F.min(column(name).cast("string")).alias(f"{_EXAMPLE}{index}") for index, name in enumerate(show)]
    groups = frame.where(none_null(by)).groupBy(*map(column, by)).agg(F.count("*").alias(_COUNT), *texts)
    examples = groups.where(F.col(_COUNT) > 1).orderBy(F.desc(_COUNT), *map(column, by)).limit(3).collect()
    return "; ".join(f"{', '.join(str(row[f'{_EXAMPLE}{index}']) for index in range(len(texts)))} "
                     f"({row[_COUNT]} rows)" for row in examples)
