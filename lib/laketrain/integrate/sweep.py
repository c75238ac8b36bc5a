"""The last events of an entity that are available before each of its query times, in one pass.

    earlier = last_events_before(queries, events, keys, last=100)      # the key's columns, TIME, EVENTS

An event is processed when it becomes available, but its position is that of the time at which it happened. So the last
events before a query time aren't simply those processed last. One task processes an entity, and keeps the `last` events
of those available so far.
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
POSITION, VERSION = "_integrate_position", "_integrate_version"
_IS_QUERY, _IS_FIRST = "_integrate_is_query", "_integrate_first"
_EVENTS_PER_BATCH = 1 << 18
"""The size of output batches; a batch may have more if a single query has more."""


def last_events_before(queries: DataFrame, events: DataFrame, keys: list[str], last: int) -> DataFrame:
    """For each query, the last events by POSITION with an AT before the query's, as the array EVENTS in that order.

    Args:
        queries: the columns `keys`, TIME, which the result repeats, and AT.
        events: the columns `keys`, AT, from when the event is available, POSITION in the entity's order, VERSION, and
            EVENT. Of several events with the same POSITION, the available one with the highest VERSION counts.
        last: the most events of a query.
    """
    query_rows = queries.select(*keys, TIME, AT, F.lit(None).cast("bigint").alias(POSITION),
                                F.lit(None).cast("bigint").alias(VERSION),
                                F.lit(None).cast(events.schema[EVENT].dataType).alias(EVENT))
    event_rows = events.select(*keys, F.lit(None).cast(queries.schema[TIME].dataType).alias(TIME), AT,
                               F.col(POSITION).cast("bigint"), F.col(VERSION).cast("bigint"), EVENT)
    both = query_rows.unionByName(event_rows).withColumn(_IS_QUERY, F.col(POSITION).isNull())
    # An event with the same AT isn't before the query, so the query comes first.
    order = [F.col(AT).asc(), F.col(_IS_QUERY).desc()]
    is_first = F.row_number().over(Window.partitionBy(*keys).orderBy(*order)) == 1
    # The window leaves the rows in this order; Spark knows that and doesn't sort again.
    rows = both.withColumn(_IS_FIRST, is_first).sortWithinPartitions(*keys, *order)
    schema = T.StructType([*(both.schema[name] for name in (*keys, TIME)),
                           T.StructField(EVENTS, T.ArrayType(events.schema[EVENT].dataType))])
    return rows.drop(AT).mapInArrow(partial(_sweep, [*keys, TIME], last), schema)


def _sweep(names: list[str], last: int, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """For each query in the sorted rows, its columns `names` and its events."""
    latest = _LatestEvents(last)
    carried: pa.Array | None = None
    for batch in batches:
        column = batch.column(batch.schema.get_field_index(EVENT))
        events = column if carried is None else pa.concat_arrays([carried, column])
        queries, ends, rows = [], [0], []
        is_first, is_query, positions, versions = (batch.column(batch.schema.get_field_index(name)).to_pylist()
                                                    for name in (_IS_FIRST, _IS_QUERY, POSITION, VERSION))
        for number, row in enumerate(range(len(events) - len(column), len(events))):
            if is_first[number]:
                latest.clear()
            if not is_query[number]:
                latest.add(positions[number], versions[number], row)
                continue
            queries.append(number)
            rows += latest.rows()
            ends.append(len(rows))
            if len(rows) >= _EVENTS_PER_BATCH:
                yield _output(batch, names, queries, ends, events, rows)
                queries, ends, rows = [], [0], []
        if queries:
            yield _output(batch, names, queries, ends, events, rows)
        carried = events.take(pa.array(latest.rows(), pa.int64()))
        latest.renumber()


def _output(batch: pa.RecordBatch, names: list[str], queries: list[int], ends: list[int], events: pa.Array,
            rows: list[int]) -> pa.RecordBatch:
    numbers = pa.array(queries, pa.int64())
    columns = [batch.column(batch.schema.get_field_index(name)).take(numbers) for name in names]
    arrays = pa.ListArray.from_arrays(pa.array(ends, pa.int32()), events.take(pa.array(rows, pa.int64())))
    return pa.RecordBatch.from_arrays([*columns, arrays], names=[*names, EVENTS])


class _LatestEvents:
    """The last events of an entity so far, sorted by position, each with its row."""

    def __init__(self, last: int) -> None:
        self._last = last
        self.clear()

    def clear(self) -> None:
        """Removes all events, for the next entity."""
        self._positions: list[int] = []
        self._rows: dict[int, tuple[int, int]] = {}

    def add(self, position: int, version: int, row: int) -> None:
        """Adds an event or another version of one. Drops the first event if there are more than `last`. A dropped event
        never comes back, since the events after it stay available."""
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
