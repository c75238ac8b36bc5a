"""The events known before each moment of an entity, in one pass over its time.

    earlier = known_before(moments, events, keys, last=100)      # the key's columns, TIME, EVENTS

An event that became known late is processed when it became known, but its position is by when it happened; so the
events that a moment sees aren't simply those processed last. One task processes an entity, and keeps the `last` events
of those known so far.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterable, Iterator
from functools import partial

import pyarrow as pa
from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F
from pyspark.sql import types as T

AT, TIME, EVENT, EVENTS = "_integrate_at", "_integrate_time", "_integrate_event", "_integrate_events"
POSITION, VERSION = "_integrate_place", "_integrate_version"
_IS_MOMENT, _IS_FIRST = "_integrate_asks", "_integrate_first"
_EVENTS_PER_BATCH = 1 << 18
"""Of the output; more where one moment has more."""


def known_before(moments: DataFrame, events: DataFrame, keys: list[str], last: int) -> DataFrame:
    """The `last` events by POSITION of those with an AT before the moment's, as the array EVENTS in POSITION's order.

    Args:
        moments: the columns `keys`, TIME, which the result repeats, and AT.
        events: `keys`, AT from which the event is known, POSITION in the entity's order, VERSION, and EVENT. Of one
            POSITION, the known event of the highest VERSION counts.
    """
    queries = moments.select(*keys, TIME, AT, F.lit(None).cast("bigint").alias(POSITION),
                             F.lit(None).cast("bigint").alias(VERSION),
                             F.lit(None).cast(events.schema[EVENT].dataType).alias(EVENT))
    known = events.select(*keys, F.lit(None).cast(moments.schema[TIME].dataType).alias(TIME), AT,
                          F.col(POSITION).cast("bigint"), F.col(VERSION).cast("bigint"), EVENT)
    both = queries.unionByName(known).withColumn(_IS_MOMENT, F.col(POSITION).isNull())
    # An event of the same instant isn't before the moment, so the moment is first.
    order = [F.col(AT).asc(), F.col(_IS_MOMENT).desc()]
    is_first = F.row_number().over(Window.partitionBy(*keys).orderBy(*order)) == 1
    # The window leaves the rows in this order; Spark knows that and doesn't sort again.
    rows = both.withColumn(_IS_FIRST, is_first).sortWithinPartitions(*keys, *order)
    schema = T.StructType([*(both.schema[name] for name in (*keys, TIME)),
                           T.StructField(EVENTS, T.ArrayType(events.schema[EVENT].dataType))])
    return rows.drop(AT).mapInArrow(partial(_sweep, [*keys, TIME], last), schema)


def _sweep(names: list[str], last: int, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """For each moment in the sorted rows, the columns `names` and its events."""
    latest = _LatestEvents(last)
    carried: pa.Array | None = None
    for batch in batches:
        column = batch.column(batch.schema.get_field_index(EVENT))
        events = column if carried is None else pa.concat_arrays([carried, column])
        moments, ends, rows = [], [0], []
        is_first, is_moment, positions, versions = (batch.column(batch.schema.get_field_index(name)).to_pylist()
                                                    for name in (_IS_FIRST, _IS_MOMENT, POSITION, VERSION))
        for number, row in enumerate(range(len(events) - len(column), len(events))):
            if is_first[number]:
                latest.clear()
            if not is_moment[number]:
                latest.add(positions[number], versions[number], row)
                continue
            moments.append(number)
            rows += latest.rows()
            ends.append(len(rows))
            if len(rows) >= _EVENTS_PER_BATCH:
                yield _output(batch, names, moments, ends, events, rows)
                moments, ends, rows = [], [0], []
        if moments:
            yield _output(batch, names, moments, ends, events, rows)
        carried = events.take(pa.array(latest.rows(), pa.int64()))
        latest.renumber()


def _output(batch: pa.RecordBatch, names: list[str], moments: list[int], ends: list[int], events: pa.Array,
            rows: list[int]) -> pa.RecordBatch:
    numbers = pa.array(moments, pa.int64())
    columns = [batch.column(batch.schema.get_field_index(name)).take(numbers) for name in names]
    arrays = pa.ListArray.from_arrays(pa.array(ends, pa.int32()), events.take(pa.array(rows, pa.int64())))
    return pa.RecordBatch.from_arrays([*columns, arrays], names=[*names, EVENTS])


class _LatestEvents:
    """The last events that an entity knows so far, sorted by position, and the row of each."""

    def __init__(self, last: int) -> None:
        self._last = last
        self.clear()

    def clear(self) -> None:
        """Starts another entity."""
        self._positions: list[int] = []
        self._rows: dict[int, tuple[int, int]] = {}

    def add(self, position: int, version: int, row: int) -> None:
        """Adds an event, or another version of one. An event that is pushed out never comes back, because those after
        it stay known."""
        if position in self._rows:
            self._rows[position] = max(self._rows[position], (version, row))
            return
        if len(self._positions) == self._last and position < self._positions[0]:
            return
        insort(self._positions, position)
        self._rows[position] = version, row
        if len(self._positions) > self._last:
            del self._rows[self._positions.pop(0)]

    def rows(self) -> list[int]:
        """The rows of the events, in the order of their positions."""
        return [self._rows[position][1] for position in self._positions]

    def renumber(self) -> None:
        """Numbers the rows that `rows` returned from 0."""
        self._rows = {position: (self._rows[position][0], row) for row, position in enumerate(self._positions)}
