"""The events known before each moment of an entity, by going through its time once.

    earlier = known_before(moments, events, last=100)      # the key's columns, TIME, EVENTS

An event that became known late comes when it was known, but has its place by when it was; so what a moment sees isn't
simply what came last. One task goes through an entity, and holds the `last` events of those known so far.
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
PLACE, VERSION = "_integrate_place", "_integrate_version"
_ASKS, _FIRST = "_integrate_asks", "_integrate_first"
_AT_ONCE = 1 << 18
"""So many events are written out at once, or those of one moment where it has more."""


def known_before(moments: DataFrame, events: DataFrame, keys: list[str], last: int) -> DataFrame:
    """The `last` events by PLACE of those with an AT before the moment's, as the array EVENTS in the order of PLACE.

    Args:
        moments: the columns `keys`, TIME as it is to be found again, and AT.
        events: `keys`, AT from which the event is known, PLACE in the entity's order, VERSION, and EVENT. Of one PLACE
            the highest VERSION of those known counts.
    """
    asked = moments.select(*keys, TIME, AT, F.lit(None).cast("bigint").alias(PLACE),
                           F.lit(None).cast("bigint").alias(VERSION),
                           F.lit(None).cast(events.schema[EVENT].dataType).alias(EVENT))
    known = events.select(*keys, F.lit(None).cast(moments.schema[TIME].dataType).alias(TIME), AT,
                          F.col(PLACE).cast("bigint"), F.col(VERSION).cast("bigint"), EVENT)
    both = asked.unionByName(known).withColumn(_ASKS, F.col(PLACE).isNull())
    # An event of the very same instant isn't before the moment, which therefore comes first.
    along = [F.col(AT).asc(), F.col(_ASKS).desc()]
    begins = F.row_number().over(Window.partitionBy(*keys).orderBy(*along)) == 1
    # The window leaves the rows in this order, which Spark knows; it doesn't sort again.
    rows = both.withColumn(_FIRST, begins).sortWithinPartitions(*keys, *along)
    schema = T.StructType([*(both.schema[name] for name in (*keys, TIME)),
                           T.StructField(EVENTS, T.ArrayType(events.schema[EVENT].dataType))])
    return rows.drop(AT).mapInArrow(partial(_swept, [*keys, TIME], last), schema)


def _swept(names: list[str], last: int, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Of each moment in rows in their order, the columns `names` and its events."""
    held = _Held(last)
    kept: pa.Array | None = None
    for batch in batches:
        own = batch.column(batch.schema.get_field_index(EVENT))
        events = own if kept is None else pa.concat_arrays([kept, own])
        asked, ends, found = [], [0], []
        first, asks, places, versions = (batch.column(batch.schema.get_field_index(name)).to_pylist()
                                         for name in (_FIRST, _ASKS, PLACE, VERSION))
        for number, row in enumerate(range(len(events) - len(own), len(events))):
            if first[number]:
                held.forget()
            if not asks[number]:
                held.learn(places[number], versions[number], row)
                continue
            asked.append(number)
            found += held.rows()
            ends.append(len(found))
            if len(found) >= _AT_ONCE:
                yield _answers(batch, names, asked, ends, events, found)
                asked, ends, found = [], [0], []
        if asked:
            yield _answers(batch, names, asked, ends, events, found)
        kept = events.take(pa.array(held.rows(), pa.int64()))
        held.renumber()


def _answers(batch: pa.RecordBatch, names: list[str], asked: list[int], ends: list[int], events: pa.Array,
             found: list[int]) -> pa.RecordBatch:
    rows = pa.array(asked, pa.int64())
    told = [batch.column(batch.schema.get_field_index(name)).take(rows) for name in names]
    arrays = pa.ListArray.from_arrays(pa.array(ends, pa.int32()), events.take(pa.array(found, pa.int64())))
    return pa.RecordBatch.from_arrays([*told, arrays], names=[*names, EVENTS])


class _Held:
    """The last events of those that an entity's moments know so far, each by its place, and the row that has it."""

    def __init__(self, last: int) -> None:
        self._last = last
        self.forget()

    def forget(self) -> None:
        """Begins another entity."""
        self._places: list[int] = []
        self._there: dict[int, tuple[int, int]] = {}

    def learn(self, place: int, version: int, row: int) -> None:
        """An event became known, or another version of one. One that is pushed out never comes back: those after it
        stay known."""
        if place in self._there:
            self._there[place] = max(self._there[place], (version, row))
            return
        if len(self._places) == self._last and place < self._places[0]:
            return
        insort(self._places, place)
        self._there[place] = version, row
        if len(self._places) > self._last:
            del self._there[self._places.pop(0)]

    def rows(self) -> list[int]:
        """The rows of the events, in their order."""
        return [self._there[place][1] for place in self._places]

    def renumber(self) -> None:
        """The rows are those that `rows` told, from 0 on."""
        self._there = {place: (self._there[place][0], row) for row, place in enumerate(self._places)}
