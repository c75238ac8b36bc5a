"""The rows that convert writes, each with its split: the table's rows, or windows of them.

    with split_rows(spark, table, config, parts) as rows: rows.frame, rows.expected, rows.counts
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from pyspark.sql import DataFrame, SparkSession

from laketrain.config.column_names import convert_name_clash, window_name_clash
from laketrain.convert.oversample import oversampled
from laketrain.convert.split import refusal, with_split
from laketrain.errors import DataError
from laketrain.lake import Version
from laketrain.spark.direct_read import supports_direct_read
from laketrain.spark.frames import persisted, read
from laketrain.spark.windows import LATE, TIED, UNORDERED, cut_windows
from laketrain.workload import Convert

Refusals = dict[int, tuple[str, str]]
"""The rule and the reason under which rows with this negative split go to quarantine."""


@dataclass(frozen=True)
class SplitRows:
    """Attributes:
        frame: the columns of the features and of the convert section, and the row's split: its index, or a key of
            `refusals`.
        expected: how many rows `frame` has; each is written or quarantined.
        columns: those of `frame` that are encoded, or that a quarantined row is recorded with.
        source: the directory of the table's files, if rows can be read from there (`spark.direct_read`).
        counts: further counts of the version, e.g. of windows and of repeated rows.
    """

    frame: DataFrame
    expected: int
    columns: tuple[str, ...]
    refusals: Refusals
    counts: dict[str, Any] = field(default_factory=dict)
    source: str = ""


FIT_SPLIT = "train"


@contextmanager
def split_rows(spark: SparkSession, table: Version, config: Convert, parts: int) -> Iterator[SplitRows]:
    """The rows of `table` with their splits. Windows are in `parts` partitions, persisted until the context ends."""
    with _originals(spark, table, config, parts) as rows:
        if config.oversample is None:
            yield rows
            return
        frame, more = oversampled(rows.frame, config.oversample, config.split.names.index(FIT_SPLIT))
        yield replace(rows, frame=frame, source="", expected=rows.expected + sum(more.values()),
                      counts={**rows.counts, "repeated": more})


@contextmanager
def _originals(spark: SparkSession, table: Version, config: Convert, parts: int) -> Iterator[SplitRows]:
    """Each row or window once, before oversampling."""
    table.check_files()
    rows = read(spark, table.url(), [file.path for file in table.entry.files], table.entry.table_schema or "")
    for column in dict.fromkeys([*config.features.columns, *config.columns.values()]):
        clash = convert_name_clash(column) or window_name_clash(column, config.windows, rows.columns)
        if clash is not None:
            raise DataError("convert", table.ref, clash.problem, clash.hint)
    rows, refusals = with_split(rows, config.split), {-1: ("split", refusal(config.split))}
    # Columns that the section names itself (a key, a time, a path) identify a quarantined row.
    columns = tuple(dict.fromkeys([*config.features.columns, *config.columns.values()]))
    if config.windows is None:
        files = [file.path for file in table.entry.files]
        plain = config.split.stratify is None and supports_direct_read(rows, columns, files)
        yield SplitRows(rows, table.rows, columns, refusals, source=table.path() if plain else "")
        return
    order = config.windows.order
    cut = cut_windows(rows, config.windows, columns)
    with persisted(cut.numbered):
        counts = cut.counts()
        yield SplitRows(cut.frame(parts), counts["made"] + counts["rows_refused"], columns, {
            **refusals, UNORDERED: ("windows", f"has no {order!r}, or none of what it belongs to"),
            TIED: ("windows", f"has the same {order!r} as another row"),
            LATE: ("windows", config.windows.late_reason),
        }, {"windows": {"rows": table.rows, **counts}})
