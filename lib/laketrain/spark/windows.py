"""Cuts time series into sliding windows that never cross an entity, a gap or a split.

    cut = cut_windows(rows, config.windows, ["past.load", "next.load", "at"])
    with persisted(cut.numbered): cut.counts(), cut.frame(parts=8)

Spark numbers the rows of each run: consecutive rows of an entity and a split without a gap. Runs are split into chunks,
which overlap by the rows that their last windows reach into, so a long series uses every core and a task has only some
chunks in memory. In a chunk, windows are made with a single `take` for each column.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial, reduce
from operator import or_

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F
from pyspark.sql import types as T

from laketrain.config.windows import NEXT, Windows, plain
from laketrain.errors import DataError
from laketrain.spark.frames import SPLIT, quoted

UNORDERED, TIED, LATE = -2, -3, -4
"""Values of SPLIT for rejected rows and windows: rows without an order, rows with the same order as another, and
windows with a past row that became known only after the window's time."""

_AT, _ENTITY, _RUN, _NUMBER, _CHUNK, _FIRST = "at", "entity", "run", "number", "chunk", "first"
_AVAILABLE, _LATE = "available", "late"
_CHUNK_ROWS, _OVERLAPS = 1024, 8
_SLICE_BYTES = 4 << 20
_MICROS = 1_000_000
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class WindowCut:
    """The numbered rows from which windows are made.

    Attributes:
        numbered: the source columns, each row's split, entity, run and number in the run, and whether the window whose
            past ends at the row is LATE.
        columns: the columns of a window: `past.x` and `next.x` are arrays, `x` is the value of the last past row.
    """

    numbered: DataFrame
    windows: Windows
    columns: tuple[str, ...]

    def counts(self) -> dict[str, int]:
        """The number of windows, of rows in no window (because the run is too short or the stride too long), and of
        rejected rows."""
        span, stride = self.windows.span, self.windows.stride
        runs = self.numbered.where(F.col(SPLIT) >= 0).groupBy(_ENTITY, _RUN).agg(F.count(F.lit(1)).alias("rows"))
        made = F.when(F.col("rows") >= span, F.floor((F.col("rows") - span) / stride) + 1).otherwise(0)
        used = F.when(made > 0, (made - 1) * min(stride, span) + span).otherwise(0)
        [row] = runs.agg(F.sum(made).alias("made"), F.sum(F.col("rows") - used).alias("unused")).collect()
        return {"made": row["made"] or 0, "rows_in_none": row["unused"] or 0,
                "rows_refused": self.numbered.where(F.col(SPLIT) < 0).count()}

    def frame(self, parts: int) -> DataFrame:
        """The windows, then the rejected rows."""
        return self.cut(parts).union(self.rejected())

    def cut(self, parts: int) -> DataFrame:
        """The windows: `columns` and SPLIT, which may be LATE, in `parts` partitions."""
        names = [_name(number) for number in range(len(source_columns(self.columns)))]
        rows = self._chunked().repartitionByRange(parts, _ENTITY, _RUN, _CHUNK)
        rows = rows.sortWithinPartitions(_ENTITY, _RUN, _CHUNK, _NUMBER).select(*names, SPLIT, _FIRST)
        schema = T.StructType([T.StructField(_name(number), self._type(column))
                               for number, column in enumerate(self.columns)] + [T.StructField(SPLIT, T.IntegerType())])
        windows = rows.mapInArrow(partial(windows_of, self.windows, self.columns), schema)
        return windows.toDF(*self.columns, SPLIT)

    def rejected(self) -> DataFrame:
        """The rows that may be in no window, with the same columns. Arrays contain the row's single value."""
        rows = self.numbered.where(F.col(SPLIT) < 0).select(*map(self._single, self.columns), SPLIT)
        return rows.toDF(*self.columns, SPLIT)

    def _chunked(self) -> DataFrame:
        """Each row once for its chunk, and once for each earlier chunk whose windows include it."""
        rows, size, span = self.numbered.where(F.col(SPLIT) >= 0), chunk_rows(self.windows), self.windows.span
        first = F.greatest(F.lit(0), F.ceil((F.col(_NUMBER) - (size + span - 2)) / size))
        chunks = F.sequence(first.cast("int"), F.floor(F.col(_NUMBER) / size).cast("int"))
        # A window has the split of its last past row.
        rows = rows.withColumn(SPLIT, F.when(F.col(_LATE), F.lit(LATE)).otherwise(F.col(SPLIT)))
        copies = rows.withColumn(_CHUNK, F.explode(chunks))
        return copies.withColumn(_FIRST, F.col(_NUMBER) == F.col(_CHUNK) * size)

    def _type(self, column: str) -> T.DataType:
        kind = self.numbered.schema[self._source(column)].dataType
        return kind if self.windows.steps(column) is None else T.ArrayType(kind)

    def _single(self, column: str) -> Column:
        value = F.col(self._source(column))
        return value if self.windows.steps(column) is None else F.array(value)

    def _source(self, column: str) -> str:
        return _name(source_columns(self.columns).index(plain(column)))


def cut_windows(rows: DataFrame, windows: Windows, columns: Iterable[str]) -> WindowCut:
    """Numbers `rows`, which have the column SPLIT, for windows with these columns.

    Raises:
        DataError: the order's type can't be ordered, or the gap or `known_by` has another type than the order.
    """
    columns = tuple(columns)
    sources = [F.col(quoted(name)).alias(_name(number)) for number, name in enumerate(source_columns(columns))]
    entity = F.to_json(F.struct(*(F.col(quoted(name)) for name in windows.by))) if windows.by else F.lit("")
    at, available = _at(rows, windows), _available_at(rows, windows)
    unordered = reduce(or_, (F.col(quoted(name)).isNull() for name in windows.by), at.isNull())
    split = F.when((F.col(SPLIT) >= 0) & unordered, F.lit(UNORDERED)).otherwise(F.col(SPLIT))
    selected = rows.select(*sources, split.alias(SPLIT), at.alias(_AT), entity.alias(_ENTITY),
                           available.alias(_AVAILABLE))
    return WindowCut(_numbered(selected, windows), windows, columns)


def source_columns(columns: Iterable[str]) -> list[str]:
    """The table's columns from which the `columns` of windows are made, without duplicates."""
    return list(dict.fromkeys(map(plain, columns)))


def chunk_rows(windows: Windows) -> int:
    """The number of rows from a chunk's start to that of the next. It is large compared with the overlap of chunks, and
    a multiple of the stride, so that every chunk starts with a window."""
    return math.ceil(max(_CHUNK_ROWS, _OVERLAPS * windows.span) / windows.stride) * windows.stride


def windows_of(
    windows: Windows, columns: tuple[str, ...], batches: Iterable[pa.RecordBatch]
) -> Iterator[pa.RecordBatch]:
    """Makes the windows of a partition's chunks.

    Args:
        batches: the sorted rows, with the source columns, SPLIT, and whether a row is the first of its chunk.
    """
    indices = {column: source_columns(columns).index(plain(column)) for column in columns}
    for rows in _whole_chunks(batches):
        starts = _window_starts(np.flatnonzero(rows.column(_FIRST).to_numpy()), rows.num_rows, windows)
        batch_size = max(1, _SLICE_BYTES * rows.num_rows // max(1, rows.nbytes * windows.span))
        for begin in range(0, len(starts), batch_size):
            part = starts[begin:begin + batch_size]
            arrays = [_take(rows, column, index, part, windows) for column, index in indices.items()]
            split = _take(rows, SPLIT, rows.schema.get_field_index(SPLIT), part, windows)
            yield pa.RecordBatch.from_arrays([*arrays, split], names=[*map(_name, range(len(columns))), SPLIT])


def _window_starts(firsts: Ints, rows: int, windows: Windows) -> Ints:
    """The first row of every window, for chunks that start at `firsts`."""
    sizes = np.diff(firsts, append=rows)
    counts = np.maximum(0, (sizes - windows.span) // windows.stride + 1)
    number = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    return np.asarray(np.repeat(firsts, counts) + number * windows.stride, np.int64)


def _whole_chunks(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.Table]:
    """Regroups the rows into tables of whole chunks."""
    pending: list[pa.RecordBatch] = []
    for batch in batches:
        firsts = np.flatnonzero(batch.column(batch.schema.get_field_index(_FIRST)).to_numpy(zero_copy_only=False))
        if len(firsts) and sum(part.num_rows for part in pending) + firsts[-1]:
            yield pa.Table.from_batches([*pending, batch.slice(0, firsts[-1])]).combine_chunks()
            pending, batch = [], batch.slice(firsts[-1])
        pending.append(batch)
    if pending:
        yield pa.Table.from_batches(pending).combine_chunks()


def _take(rows: pa.Table, column: str, index: int, starts: Ints, windows: Windows) -> pa.Array:
    """The column's values in the windows that start at these rows: an array each, or the value of the last past row."""
    values, steps = rows.column(index).combine_chunks(), windows.steps(column)
    if steps is None:
        return values.take(pa.array(starts + windows.lookback - 1))
    first = windows.lookback if column.startswith(NEXT) else 0
    taken = values.take(pa.array((starts[:, None] + first + np.arange(steps)).ravel()))
    return pa.ListArray.from_arrays(pa.array(np.arange(len(starts) + 1) * steps, pa.int32()), taken)


def _numbered(rows: DataFrame, windows: Windows) -> DataFrame:
    """`rows` with their run and their number in it, from 0. Rows with the same order become TIED."""
    order = Window.partitionBy(_ENTITY).orderBy(_AT)
    tied = (F.lag(_AT).over(order) == F.col(_AT)) | (F.lead(_AT).over(order) == F.col(_AT))
    split = F.when((F.col(SPLIT) >= 0) & F.coalesce(tied, F.lit(False)), F.lit(TIED)).otherwise(F.col(SPLIT))
    untied = rows.withColumn(SPLIT, split)
    before = F.lag(SPLIT).over(order)
    begins = before.isNull() | (before != F.col(SPLIT)) | (F.col(SPLIT) < 0)
    if (max_gap := _max_gap(windows)) is not None:
        begins |= F.col(_AT) - F.lag(_AT).over(order) > F.lit(max_gap)
    so_far = order.rowsBetween(Window.unboundedPreceding, Window.currentRow)
    ordered = untied.withColumn(_FIRST, begins).withColumn(_NUMBER, F.row_number().over(order))
    run = F.last(F.when(F.col(_FIRST), F.col(_NUMBER)), ignorenulls=True).over(so_far)
    past = order.rowsBetween(1 - windows.lookback, Window.currentRow)
    never_available = F.max(F.col(_AVAILABLE).isNull()).over(past)
    late = (never_available | (F.max(_AVAILABLE).over(past) > F.col(_AT))) if windows.known_by else F.lit(False)
    return ordered.withColumn(_RUN, run).withColumn(_NUMBER, F.col(_NUMBER) - F.col(_RUN)).withColumn(
        _LATE, late).drop(_AT, _AVAILABLE, _FIRST)


def _max_gap(windows: Windows) -> float | int | None:
    gap = windows.max_gap
    return gap if gap is None or isinstance(gap, float | int) else round(gap.total_seconds() * _MICROS)


def _at(rows: DataFrame, windows: Windows) -> Column:
    """The order: times as integer microseconds, numbers unchanged."""
    kind, column = rows.schema[windows.order].dataType, F.col(quoted(windows.order))
    timed = _is_timed(kind)
    subject = f"windows by {windows.order!r}"
    if not timed and not isinstance(kind, T.NumericType):
        raise DataError("convert", subject, f"is {kind.simpleString()}, expected a time, a date or a number",
                        "cast it in the clean stage")
    if windows.max_gap is not None and timed == isinstance(windows.max_gap, float | int):
        expected = "a span of time, e.g. '1 hour'" if timed else "a number"
        raise DataError("convert", subject, f"is {kind.simpleString()}, and max_gap is {windows.max_gap}",
                        f"set max_gap to {expected}")
    return _instant(column, kind)


def _available_at(rows: DataFrame, windows: Windows) -> Column:
    """The time at which a row became known, in the unit of `_at`."""
    if windows.known_by is None:
        return F.lit(None)
    if problem := windows.availability_problem(dict(rows.dtypes)):
        raise DataError("convert", f"windows by {windows.order!r}", problem.problem, problem.hint)
    return _instant(F.col(quoted(windows.known_by)), rows.schema[windows.known_by].dataType)


def _is_timed(kind: T.DataType) -> bool:
    return isinstance(kind, T.DateType | T.TimestampType | T.TimestampNTZType)


def _instant(column: Column, kind: T.DataType) -> Column:
    return F.unix_micros(column.cast("timestamp")) if _is_timed(kind) else column


def _name(number: int) -> str:
    return f"_{number}"
