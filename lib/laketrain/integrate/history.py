"""An entity's events, gathered in the order of time: a row an entity, or every row with what came before it.

    done = history(Side("clean/visits", frame, 4380), step, kept)

The latest events are found before the rows are brought together, so that no task holds more of an entity than those.
"""

from __future__ import annotations

from functools import reduce
from operator import and_

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from laketrain.config.integrate import History
from laketrain.integrate.base import Done, Side, column, refuse, rejects, values
from laketrain.spark.kept import Kept

_EVENT, _EVENTS, _PLACE, _TIME = "_integrate_event", "_integrate_events", "_integrate_place", "_integrate_time"


def history(table: Side, step: History, kept: Kept) -> Done:
    """The entities of `table` with their latest events, or its rows with the events before each.

    Raises DataError where rows have no entity or no time, unless they are to be quarantined.
    """
    placed = _is_placed(table.frame, [*step.by, step.order_by[0]])
    rows = table.frame.where(placed)
    events = rows.count()
    rejected = _unplaced(table, step, placed) if events < table.rows else None
    if step.per == "event":
        return Done(_before_each(rows, step), events, rejected, None, {"events": events})
    entities = kept.keep(_gathered(rows, step))
    array = column(step.arrays[step.columns[0]])
    [counted] = entities.agg(F.count("*").alias("rows"), F.sum(F.size(array)).alias("events")).collect()
    return Done(entities, counted["rows"], rejected, None,
                {"events": events, "older": events - (counted["events"] or 0), "gathered": events - counted["rows"]})


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
    latest = _latest(rows.select(*by, _event(step).alias(_EVENT)), by, step.last)
    entities = latest.groupBy(*by).agg(F.sort_array(F.collect_list(_EVENT)).alias(_EVENTS))
    found = entities.select(*by, *_arrays(F.col(_EVENTS), step))
    if not step.count:
        return found
    return found.join(rows.groupBy(*by).agg(F.count("*").alias(step.count)), step.by)


def _latest(events: DataFrame, by: list[Column], last: int) -> DataFrame:
    """The last events of each group. Spark drops most of the others before it brings a group together."""
    window = Window.partitionBy(*by).orderBy(F.col(_EVENT).desc())
    return events.withColumn(_PLACE, F.row_number().over(window)).where(F.col(_PLACE) <= last).drop(_PLACE)


def _before_each(rows: DataFrame, step: History) -> DataFrame:
    """Every row with the last events of a time before its own.

    The events of one time are brought together first, as they see the same ones; each time has one at least, so the
    last events lie in as many times before it.
    """
    by, time = [column(name) for name in step.by], column(step.order_by[0])
    moments = _latest(rows.select(*by, time.alias(_TIME), _event(step).alias(_EVENT)), [*by, F.col(_TIME)], step.last)
    moments = moments.groupBy(*by, _TIME).agg(F.sort_array(F.collect_list(_EVENT)).alias(_EVENTS))
    window = Window.partitionBy(*by).orderBy(_TIME).rowsBetween(-step.last, -1)
    events = F.flatten(F.collect_list(_EVENTS).over(window))
    earlier = moments.select(*by, _TIME, events.alias(_EVENTS))
    last = F.slice(F.col(_EVENTS), F.greatest(F.size(_EVENTS) - step.last + 1, F.lit(1)), step.last)
    found = rows.withColumn(_TIME, time).join(earlier, [*step.by, _TIME])
    return found.select(*map(column, rows.columns), *_arrays(last, step))
