"""Rows of a time series as sliding windows that never cross an entity, a gap or a split.

    cut = cut_windows(rows, config.windows, ["past.load", "next.load", "at"])
    with persisted(cut.numbered): cut.counts(), cut.frame(parts=8)

Spark numbers the rows of each run: neighbours of one entity and split with no gap between. Runs are cut into chunks,
each with the few rows more that its last windows reach into, so one long series keeps every core busy and no task holds
more than some chunks. There the windows are one `take` a column.
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
from laketrain.convert.split import SPLIT
from laketrain.errors import DataError
from laketrain.spark.frames import quoted

UNORDERED, TIED, LATE = -2, -3, -4
"""In the column SPLIT: rows without a place in the order, rows that share theirs, and windows with a row of the past
that became known after their time."""

_AT, _ENTITY, _RUN, _NUMBER, _CHUNK, _FIRST = "at", "entity", "run", "number", "chunk", "first"
_KNOWN, _LATE = "known", "late"
_CHUNK_ROWS, _OVERLAPS = 1024, 8
_SLICE_BYTES = 4 << 20
_MICROS = 1_000_000
Whole = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Cut:
    """The numbered rows, of which windows are made.

    Attributes:
        numbered: the table's columns `needed` by number, each row's split, entity, run and number in it, and whether a
            window whose past it ends would be LATE.
        columns: what is wanted of a window: `past.x` and `next.x` as arrays, `x` of its last row of the past.
    """

    numbered: DataFrame
    windows: Windows
    columns: tuple[str, ...]

    def counts(self) -> dict[str, int]:
        """How many windows there must be, rows that are in none (the run too short, the stride too long), and rows that
        no window may hold."""
        span, stride = self.windows.span, self.windows.stride
        runs = self.numbered.where(F.col(SPLIT) >= 0).groupBy(_ENTITY, _RUN).agg(F.count(F.lit(1)).alias("rows"))
        made = F.when(F.col("rows") >= span, F.floor((F.col("rows") - span) / stride) + 1).otherwise(0)
        held = F.when(made > 0, (made - 1) * min(stride, span) + span).otherwise(0)
        [row] = runs.agg(F.sum(made).alias("made"), F.sum(F.col("rows") - held).alias("alone")).collect()
        return {"made": row["made"] or 0, "rows_in_none": row["alone"] or 0,
                "rows_refused": self.numbered.where(F.col(SPLIT) < 0).count()}

    def frame(self, parts: int) -> DataFrame:
        """The windows, then the refused rows."""
        return self.made(parts).union(self.refused())

    def made(self, parts: int) -> DataFrame:
        """The windows: `columns` and SPLIT, which is LATE for those, in `parts` partitions."""
        names = [_name(number) for number in range(len(needed(self.columns)))]
        rows = self._chunked().repartitionByRange(parts, _ENTITY, _RUN, _CHUNK)
        rows = rows.sortWithinPartitions(_ENTITY, _RUN, _CHUNK, _NUMBER).select(*names, SPLIT, _FIRST)
        schema = T.StructType([T.StructField(_name(number), self._type(column))
                               for number, column in enumerate(self.columns)] + [T.StructField(SPLIT, T.IntegerType())])
        made = rows.mapInArrow(partial(windows_of, self.windows, self.columns), schema)
        return made.toDF(*self.columns, SPLIT)

    def refused(self) -> DataFrame:
        """The rows that no window may hold, alike; an array has the row's one value."""
        alone = self.numbered.where(F.col(SPLIT) < 0).select(*map(self._alone, self.columns), SPLIT)
        return alone.toDF(*self.columns, SPLIT)

    def _chunked(self) -> DataFrame:
        """Each row in the chunk of its number, and in those before it whose windows reach so far."""
        rows, size, span = self.numbered.where(F.col(SPLIT) >= 0), chunk_rows(self.windows), self.windows.span
        first = F.greatest(F.lit(0), F.ceil((F.col(_NUMBER) - (size + span - 2)) / size))
        chunks = F.sequence(first.cast("int"), F.floor(F.col(_NUMBER) / size).cast("int"))
        # A window has the split of the last row of its past.
        rows = rows.withColumn(SPLIT, F.when(F.col(_LATE), F.lit(LATE)).otherwise(F.col(SPLIT)))
        spread = rows.withColumn(_CHUNK, F.explode(chunks))
        return spread.withColumn(_FIRST, F.col(_NUMBER) == F.col(_CHUNK) * size)

    def _type(self, column: str) -> T.DataType:
        kind = self.numbered.schema[self._place(column)].dataType
        return kind if self.windows.steps(column) is None else T.ArrayType(kind)

    def _alone(self, column: str) -> Column:
        value = F.col(self._place(column))
        return value if self.windows.steps(column) is None else F.array(value)

    def _place(self, column: str) -> str:
        return _name(needed(self.columns).index(plain(column)))


def cut_windows(rows: DataFrame, windows: Windows, columns: Iterable[str]) -> Cut:
    """What windows of `rows` (with the column SPLIT) are made from.

    Raises:
        DataError: the rows' order is of a type that has none, or the gap or the time of knowledge is of another kind
            than the order.
    """
    wanted = tuple(columns)
    kept = [F.col(quoted(name)).alias(_name(number)) for number, name in enumerate(needed(wanted))]
    entity = F.to_json(F.struct(*(F.col(quoted(name)) for name in windows.by))) if windows.by else F.lit("")
    at, known = _at(rows, windows), _known(rows, windows)
    lost = reduce(or_, (F.col(quoted(name)).isNull() for name in windows.by), at.isNull())
    split = F.when((F.col(SPLIT) >= 0) & lost, F.lit(UNORDERED)).otherwise(F.col(SPLIT))
    placed = rows.select(*kept, split.alias(SPLIT), at.alias(_AT), entity.alias(_ENTITY), known.alias(_KNOWN))
    return Cut(_numbered(placed, windows), windows, wanted)


def needed(columns: Iterable[str]) -> list[str]:
    """The table's columns of which `columns` of windows are made, each once."""
    return list(dict.fromkeys(map(plain, columns)))


def chunk_rows(windows: Windows) -> int:
    """Rows of a chunk that begin a window or lie between those that do: long against what chunks share, and a multiple
    of the stride, so that every chunk begins with a window."""
    return math.ceil(max(_CHUNK_ROWS, _OVERLAPS * windows.span) / windows.stride) * windows.stride


def windows_of(
    windows: Windows, columns: tuple[str, ...], batches: Iterable[pa.RecordBatch]
) -> Iterator[pa.RecordBatch]:
    """The windows of a partition's chunks.

    Args:
        batches: rows in order, with the needed columns, SPLIT, and whether the row is the first of a chunk.
    """
    places = {column: needed(columns).index(plain(column)) for column in columns}
    for rows in _whole_chunks(batches):
        begins = _begins(np.flatnonzero(rows.column(_FIRST).to_numpy()), rows.num_rows, windows)
        at_once = max(1, _SLICE_BYTES * rows.num_rows // max(1, rows.nbytes * windows.span))
        for start in range(0, len(begins), at_once):
            some = begins[start:start + at_once]
            arrays = [_taken(rows, column, place, some, windows) for column, place in places.items()]
            split = _taken(rows, SPLIT, rows.schema.get_field_index(SPLIT), some, windows)
            yield pa.RecordBatch.from_arrays([*arrays, split], names=[*map(_name, range(len(columns))), SPLIT])


def _begins(firsts: Whole, rows: int, windows: Windows) -> Whole:
    """The first row of every window, of chunks that begin at `firsts`."""
    sizes = np.diff(firsts, append=rows)
    counts = np.maximum(0, (sizes - windows.span) // windows.stride + 1)
    number = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    return np.asarray(np.repeat(firsts, counts) + number * windows.stride, np.int64)


def _whole_chunks(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.Table]:
    """The rows in tables that end where a chunk does."""
    waiting: list[pa.RecordBatch] = []
    for batch in batches:
        firsts = np.flatnonzero(batch.column(batch.schema.get_field_index(_FIRST)).to_numpy(zero_copy_only=False))
        if len(firsts) and sum(one.num_rows for one in waiting) + firsts[-1]:
            yield pa.Table.from_batches([*waiting, batch.slice(0, firsts[-1])]).combine_chunks()
            waiting, batch = [], batch.slice(firsts[-1])
        waiting.append(batch)
    if waiting:
        yield pa.Table.from_batches(waiting).combine_chunks()


def _taken(rows: pa.Table, column: str, place: int, begins: Whole, windows: Windows) -> pa.Array:
    """The column's values in the windows that begin at these rows: an array each, or the last row of the past's."""
    values, steps = rows.column(place).combine_chunks(), windows.steps(column)
    if steps is None:
        return values.take(pa.array(begins + windows.lookback - 1))
    first = windows.lookback if column.startswith(NEXT) else 0
    taken = values.take(pa.array((begins[:, None] + first + np.arange(steps)).ravel()))
    return pa.ListArray.from_arrays(pa.array(np.arange(len(begins) + 1) * steps, pa.int32()), taken)


def _numbered(rows: DataFrame, windows: Windows) -> DataFrame:
    """`rows` with the run that each is in and its number there, from 0; rows that share their place are refused."""
    order = Window.partitionBy(_ENTITY).orderBy(_AT)
    tied = (F.lag(_AT).over(order) == F.col(_AT)) | (F.lead(_AT).over(order) == F.col(_AT))
    split = F.when((F.col(SPLIT) >= 0) & F.coalesce(tied, F.lit(False)), F.lit(TIED)).otherwise(F.col(SPLIT))
    placed = rows.withColumn(SPLIT, split)
    before = F.lag(SPLIT).over(order)
    begins = before.isNull() | (before != F.col(SPLIT)) | (F.col(SPLIT) < 0)
    if (most := _most(windows)) is not None:
        begins |= F.col(_AT) - F.lag(_AT).over(order) > F.lit(most)
    so_far = order.rowsBetween(Window.unboundedPreceding, Window.currentRow)
    marked = placed.withColumn(_FIRST, begins).withColumn(_NUMBER, F.row_number().over(order))
    began = F.last(F.when(F.col(_FIRST), F.col(_NUMBER)), ignorenulls=True).over(so_far)
    past = order.rowsBetween(1 - windows.lookback, Window.currentRow)
    never = F.max(F.col(_KNOWN).isNull()).over(past)
    late = (never | (F.max(_KNOWN).over(past) > F.col(_AT))) if windows.known_by else F.lit(False)
    return marked.withColumn(_RUN, began).withColumn(_NUMBER, F.col(_NUMBER) - F.col(_RUN)).withColumn(
        _LATE, late).drop(_AT, _KNOWN, _FIRST)


def _most(windows: Windows) -> float | int | None:
    gap = windows.max_gap
    return gap if gap is None or isinstance(gap, float | int) else round(gap.total_seconds() * _MICROS)


def _at(rows: DataFrame, windows: Windows) -> Column:
    """The order as whole microseconds, or as the number that it is."""
    kind, column = rows.schema[windows.order].dataType, F.col(quoted(windows.order))
    timed = _is_timed(kind)
    subject = f"windows by {windows.order!r}"
    if not timed and not isinstance(kind, T.NumericType):
        raise DataError("convert", subject, f"is {kind.simpleString()}, expected a time, a date or a number",
                        "cast it in the clean stage")
    if windows.max_gap is not None and timed == isinstance(windows.max_gap, float | int):
        expected = "a span of time, e.g. '1 hour'" if timed else "a number"
        raise DataError("convert", subject, f"is {kind.simpleString()}, and max_gap is {windows.max_gap}",
                        f"give max_gap as {expected}")
    return _instant(column, kind)


def _known(rows: DataFrame, windows: Windows) -> Column:
    """The time at which a row became known, as `_at` has the order."""
    if windows.known_by is None:
        return F.lit(None)
    if problem := windows.unlike(dict(rows.dtypes)):
        raise DataError("convert", f"windows by {windows.order!r}", *problem)
    return _instant(F.col(quoted(windows.known_by)), rows.schema[windows.known_by].dataType)


def _is_timed(kind: T.DataType) -> bool:
    return isinstance(kind, T.DateType | T.TimestampType | T.TimestampNTZType)


def _instant(column: Column, kind: T.DataType) -> Column:
    return F.unix_micros(column.cast("timestamp")) if _is_timed(kind) else column


def _name(number: int) -> str:
    return f"_{number}"
