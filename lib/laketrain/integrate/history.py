"""An entity's events, gathered in the order of time: a row an entity, or every row with what came before it.

    done = history(Side("clean/visits", frame, 4380), step, kept)

The latest events are found before the rows are brought together, so that no task holds more of an entity than those.
Where events have a time at which they became known, an entity is gone through once (see `laketrain.integrate.sweep`).
"""

from __future__ import annotations

from functools import reduce
from operator import and_

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from laketrain.config.integrate import History
from laketrain.config.widening import widened
from laketrain.errors import DataError
from laketrain.integrate.base import Done, Side, column, refuse, rejects, repeated, values
from laketrain.integrate.instants import instant
from laketrain.integrate.sweep import AT, EVENT, EVENTS, PLACE, TIME, VERSION, known_before
from laketrain.spark.persistence import PersistedFrames

_ORDER, _KEY = "_integrate_order", "_integrate_key"


def history(table: Side, step: History, kept: PersistedFrames) -> Done:
    """The entities of `table` with their latest events, or its rows with the events before each.

    Raises DataError where rows have no entity or no time, unless they are to be quarantined, and where of several
    versions of an event none is the latest.
    """
    placed = _is_placed(table.frame, [*step.by, step.order_by[0]])
    rows = table.frame.where(placed)
    if step.latest_by or step.known:  # they are read several times
        rows = kept.checkpoint(rows)
    events = rows.count()
    rejected = _unplaced(table, step, placed) if events < table.rows else None
    told = {"events": events}
    if step.known:
        timed = _timed(rows, step)
        known = timed.where(F.col(AT).isNotNull())
        told |= {"never_known": events - known.count(), **_superseded(known, step)}
        earlier = _known_before_each(timed, known, step, table)
    else:
        told |= _superseded(rows, step)
        latest = _latest_versions(rows, step, table)
        if step.per == "entity":
            return _per_entity(latest, step, kept, rejected, told)
        timed, earlier = rows.withColumn(TIME, column(step.order_by[0])), _before_each(latest, step)
    return Done(_beside(timed, earlier, step, rows.columns), events, rejected, None, told)


def _per_entity(latest: DataFrame, step: History, kept: PersistedFrames, rejected: DataFrame | None,
                told: dict[str, int]) -> Done:
    """A row an entity, of the latest versions of its events."""
    entities = kept.checkpoint(_gathered(latest, step))
    array = column(step.arrays[step.columns[0]])
    [counted] = entities.agg(F.count("*").alias("rows"), F.sum(F.size(array)).alias("events")).collect()
    older = told["events"] - told.get("superseded", 0) - (counted["events"] or 0)
    return Done(entities, counted["rows"], rejected, None,
                {**told, "older": older, "gathered": told["events"] - counted["rows"]})


def _superseded(rows: DataFrame, step: History) -> dict[str, int]:
    """How many rows are versions of an event that another one replaces."""
    if not step.latest_by:
        return {}
    events = rows.select(*map(column, [*step.by, *step.order_by])).distinct()
    return {"superseded": rows.count() - events.count()}


def _is_placed(frame: DataFrame, names: list[str]) -> Column:
    """Whether a row has an entity and a time: no null, and no NaN."""
    kinds = dict(frame.dtypes)
    known = [column(name).isNotNull() for name in names]
    known += [~F.isnan(column(name)) for name in names if kinds[name] in ("float", "double")]
    # A comparison with null is null, and the rows that it is of would be on neither side.
    return F.coalesce(reduce(and_, known), F.lit(False))


def _unplaced(table: Side, step: History, placed: Column) -> DataFrame:
    reason = F.concat(F.lit("has no entity or no time: "), values([*step.by, step.order_by[0]]))
    rejected = rejects(table.frame.where(~placed), table.frame.columns, table.name, step.label, reason)
    if step.unplaced == "fatal":
        refuse(rejected, f"history by {', '.join(step.by)}", f"{table.name} have no entity or no time",
               "mend them in clean, or set unplaced: quarantine")
    return rejected


def _event(step: History) -> Column:
    """What orders events, then what is gathered: those alike in all of it can stand in any order."""
    names = dict.fromkeys([*step.order_by, *step.columns])
    return F.struct(*(column(name).alias(f"c{place}") for place, name in enumerate(names)))


def _arrays(events: Column, step: History) -> list[Column]:
    places = {name: place for place, name in enumerate(dict.fromkeys([*step.order_by, *step.columns]))}
    return [events.getField(f"c{places[name]}").alias(new) for name, new in step.arrays.items()]


def _gathered(rows: DataFrame, step: History) -> DataFrame:
    by = [column(name) for name in step.by]
    latest = _latest(rows.select(*by, _event(step).alias(EVENT)), by, step.last)
    entities = latest.groupBy(*by).agg(F.sort_array(F.collect_list(EVENT)).alias(EVENTS))
    found = entities.select(*by, *_arrays(F.col(EVENTS), step))
    if not step.count:
        return found
    return found.join(rows.groupBy(*by).agg(F.count("*").alias(step.count)), step.by)


def _latest(events: DataFrame, by: list[Column], last: int) -> DataFrame:
    """The last events of each group. Spark drops most of the others before it brings a group together."""
    window = Window.partitionBy(*by).orderBy(F.col(EVENT).desc())
    return events.withColumn(PLACE, F.row_number().over(window)).where(F.col(PLACE) <= last).drop(PLACE)


def _latest_versions(rows: DataFrame, step: History, table: Side) -> DataFrame:
    """Of rows that are versions of one event that which counts in the end."""
    if not step.latest_by:
        return rows
    _refuse_alike(rows, step, table, [step.latest_by])
    order = column(step.latest_by).desc_nulls_last()
    event = Window.partitionBy(*map(column, [*step.by, *step.order_by])).orderBy(order)
    return rows.withColumn(PLACE, F.row_number().over(event)).where(F.col(PLACE) == 1).drop(PLACE)


def _refuse_alike(rows: DataFrame, step: History, table: Side, versions: list[str]) -> None:
    """Raises DataError where two versions of an event are alike in `versions`, so that either could be meant."""
    order = list(dict.fromkeys([*step.order_by, *versions]))
    names = [*step.by, *order]
    # In a struct, as `repeated` takes two nulls for different.
    told = rows.withColumn(_ORDER, F.struct(*map(column, order)))
    if shown := repeated(told, [*step.by, _ORDER], names):
        raise DataError("integrate", f"history by {', '.join(step.by)}",
                        f"several rows of {table.name} share {', '.join(names)}: {shown}",
                        "of equals none can be chosen: tell them apart, add a 'unique' rule to clean, or add to "
                        "'order' what tells events of one time apart")


def _timed(rows: DataFrame, step: History) -> DataFrame:
    """The rows with TIME, the instant at which each was, and AT, that from which it counts; null where never."""
    time, kinds = step.order_by[0], dict(rows.dtypes)
    assert step.known is not None
    kind = widened(kinds[time], kinds[step.known]) or kinds[time]
    was, known = instant(column(time), kind), instant(column(step.known), kind)
    return rows.withColumns({TIME: was, AT: F.when(known.isNotNull(), F.greatest(was, known))})


def _known_before_each(timed: DataFrame, known: DataFrame, step: History, table: Side) -> DataFrame:
    """The key's columns, each of their times, and the last events that were and were known before it."""
    by, keys = [column(name) for name in step.by], [f"{_KEY}{place}" for place in range(len(step.by))]
    named = [one.alias(key) for one, key in zip(by, keys, strict=True)]
    place, version = F.row_number().over(Window.partitionBy(*by).orderBy(_event(step))), F.lit(0)
    if step.latest_by:
        versions = list(dict.fromkeys([step.latest_by, *filter(None, [step.known])]))
        _refuse_alike(known, step, table, versions)
        order = [column(name) for name in step.order_by]
        place = F.dense_rank().over(Window.partitionBy(*by).orderBy(*order))
        version = F.row_number().over(Window.partitionBy(*by, *order).orderBy(*map(column, versions)))
    events = known.select(*named, AT, place.alias(PLACE), version.alias(VERSION), _event(step).alias(EVENT))
    moments = timed.select(*named, TIME, F.col(TIME).alias(AT)).distinct()
    found = known_before(moments, events, keys, step.last)
    return found.select(*(F.col(key).alias(name) for key, name in zip(keys, step.by, strict=True)), TIME, EVENTS)


def _before_each(rows: DataFrame, step: History) -> DataFrame:
    """The key's columns, each of their times, and the last events of a time before it.

    The events of one time are brought together first, as they see the same ones; each time has one at least, so the
    last events lie in as many times before it.
    """
    by, time = [column(name) for name in step.by], column(step.order_by[0])
    moments = _latest(rows.select(*by, time.alias(TIME), _event(step).alias(EVENT)), [*by, F.col(TIME)], step.last)
    moments = moments.groupBy(*by, TIME).agg(F.sort_array(F.collect_list(EVENT)).alias(EVENTS))
    window = Window.partitionBy(*by).orderBy(TIME).rowsBetween(-step.last, -1)
    events = F.flatten(F.collect_list(EVENTS).over(window))
    earlier = moments.select(*by, TIME, events.alias(EVENTS))
    last = F.slice(F.col(EVENTS), F.greatest(F.size(EVENTS) - step.last + 1, F.lit(1)), step.last)
    return earlier.select(*by, TIME, last.alias(EVENTS))


def _beside(timed: DataFrame, earlier: DataFrame, step: History, columns: list[str]) -> DataFrame:
    """Every row, its `columns` and the arrays of its TIME."""
    found = timed.join(earlier, [*step.by, TIME])
    return found.select(*map(column, columns), *_arrays(F.col(EVENTS), step))
