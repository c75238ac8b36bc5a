"""The rows that convert writes: the table's own, or windows of them, each with its split.

    with rows_of(spark, table, config, features) as rows: rows.frame, rows.expected, rows.counts
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from pyspark.sql import DataFrame, SparkSession

from laketrain.config.names import hidden_by_convert, hidden_by_window
from laketrain.convert.direct import readable
from laketrain.convert.oversample import oversampled
from laketrain.convert.split import refusal, with_split
from laketrain.convert.windows import LATE, TIED, UNORDERED, cut_windows
from laketrain.errors import DataError
from laketrain.features import FeatureSet
from laketrain.lake import Version
from laketrain.spark.frames import persisted, read
from laketrain.workload import Convert

Refusals = dict[int, tuple[str, str]]
"""The rule and the reason under which rows with this split go to quarantine."""


@dataclass(frozen=True)
class Rows:
    """Attributes:
        frame: the columns of the features and of the convert section, and the row's split: its index, or a key of
            `refusals`.
        expected: how many rows `frame` has; each is to be written or quarantined.
        columns: those of `frame` that are encoded, or that a quarantined row is recorded with.
        source: the directory of the table's files, where rows can be read from there (`convert.direct`).
        counts: what a version tells of how they came about.
    """

    frame: DataFrame
    expected: int
    columns: tuple[str, ...]
    refusals: Refusals
    counts: dict[str, Any] = field(default_factory=dict)
    source: str = ""


LEARN_ON = "train"


@contextmanager
def rows_of(spark: SparkSession, table: Version, config: Convert, features: FeatureSet, parts: int) -> Iterator[Rows]:
    """The rows of `table` in their splits; windows lie in `parts` partitions, and are kept while they are needed."""
    with _once(spark, table, config, features, parts) as rows:
        if config.oversample is None:
            yield rows
            return
        frame, more = oversampled(rows.frame, config.oversample, config.split.names.index(LEARN_ON))
        yield replace(rows, frame=frame, source="", expected=rows.expected + sum(more.values()),
                      counts={**rows.counts, "repeated": more})


@contextmanager
def _once(spark: SparkSession, table: Version, config: Convert, features: FeatureSet, parts: int) -> Iterator[Rows]:
    """Each row, or each window, as it is there."""
    table.check_files()
    rows = read(spark, table.url(), [file.path for file in table.entry.files], table.entry.table_schema or "")
    for column in dict.fromkeys([*features.columns, *config.columns.values()]):
        told = hidden_by_convert(column) or hidden_by_window(column, config.windows, rows.columns)
        if told is not None:
            raise DataError("convert", table.ref, *told)
    rows, refusals = with_split(rows, config.split), {-1: ("split", refusal(config.split))}
    # What the section names itself (a key, a time, a path) tells people which row was refused.
    columns = tuple(dict.fromkeys([*features.columns, *config.columns.values()]))
    if config.windows is None:
        plain = config.split.stratify is None and readable(rows, columns, table)
        yield Rows(rows, table.rows, columns, refusals, source=table.path() if plain else "")
        return
    order = config.windows.order
    cut = cut_windows(rows, config.windows, columns)
    with persisted(cut.numbered):
        counts = cut.counts()
        yield Rows(cut.frame(parts), counts["made"] + counts["rows_refused"], columns, {
            **refusals, UNORDERED: ("windows", f"has no {order!r}, or none of what it belongs to"),
            TIED: ("windows", f"has the same {order!r} as another row"),
            LATE: ("windows", config.windows.late),
        }, {"windows": {"rows": table.rows, **counts}})
