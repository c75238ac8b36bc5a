"""What steps take and give: a table's rows with their number, and those that went to quarantine on the way.

    done = join(table, step, tables, kept)      # Done(frame, rows=258, rejected=…, others=…, counts={"matched": 258})
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

_ROWS, _SHOWN = "_integrate_rows", "_integrate_shown"


@dataclass(frozen=True)
class Side:
    """A table's rows. `name` is what messages call it, e.g. `clean/pixels`."""

    name: str
    frame: DataFrame
    rows: int


@dataclass(frozen=True)
class Done:
    """What a step made.

    frame: the rows after it. rows: their number; None where only counting tells. rejected: rows for quarantine (file,
    rule, reason, record) of those that came to the step; others: of the other tables. counts: what else is to be said.
    """

    frame: DataFrame
    rows: int | None = None
    rejected: DataFrame | None = None
    others: DataFrame | None = None
    counts: Mapping[str, Any] = field(default_factory=dict)


def column(name: str) -> Column:
    """The column of just that name, dots and all."""
    return F.col(quoted(name))


def is_known(names: Iterable[str]) -> Column:
    """Whether none of the columns is null."""
    return reduce(and_, (column(name).isNotNull() for name in names), F.lit(True))


def is_unknown(names: Iterable[str]) -> Column:
    """Whether one of the columns is null."""
    return reduce(or_, (column(name).isNull() for name in names), F.lit(False))


def values(names: Iterable[str]) -> Column:
    """A row's values in words: `id, day = 7, null`."""
    names = list(names)
    texts = [F.coalesce(column(name).cast("string"), F.lit("null")) for name in names]
    return F.concat(F.lit(f"{', '.join(names)} = "), F.concat_ws(", ", *texts))


def rejects(rows: DataFrame, columns: list[str], file: str, rule: str, reason: Column) -> DataFrame:
    """`rows` as quarantine has them, with `columns` as their record."""
    return rows.select(F.lit(file).alias("file"), F.lit(rule).alias("rule"), reason.alias("reason"),
                       record(columns).alias("record"))


def refuse(rejected: DataFrame, subject: str, what: str, hint: str) -> None:
    """Raises DataError with the number of `rejected` rows, `what` they are, and one as an example; none is fine."""
    some = rejected.agg(F.count("*").alias("rows"), F.min("reason").alias("reason")).collect()[0]
    if some["rows"]:
        raise DataError("integrate", subject, f"{some['rows']} rows of {what}, e.g. {some['reason']}", hint)


def repeated(frame: DataFrame, by: Iterable[str], shown: Iterable[str]) -> str:
    """Some rows that are alike in the columns `by`, told by their columns `shown`; '' where no two are. Rows with a
    null in `by` are like no other."""
    by = list(by)
    texts = [F.min(column(name).cast("string")).alias(f"{_SHOWN}{place}") for place, name in enumerate(shown)]
    counted = frame.where(is_known(by)).groupBy(*map(column, by)).agg(F.count("*").alias(_ROWS), *texts)
    some = counted.where(F.col(_ROWS) > 1).orderBy(F.desc(_ROWS), *map(column, by)).limit(3).collect()
    return "; ".join(f"{', '.join(str(row[f'{_SHOWN}{place}']) for place in range(len(texts)))} ({row[_ROWS]} rows)"
                     for row in some)
