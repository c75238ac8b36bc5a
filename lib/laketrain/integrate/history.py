"""The step `history`: collects an entity's events in the order of time, one row per entity or per event.

    result = history(TableRows("clean/visits", frame, 4380), step, cache)

The latest events are selected before the rows are grouped, so that no task holds more of an entity than those. Where
events have a time at which they became known, one pass over an entity collects them (see `laketrain.integrate.sweep`).
"""

from __future__ import annotations

from functools import reduce
from operator import and_

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from laketrain.config.integrate import History
from laketrain.config.sql.widening import widened
from laketrain.errors import DataError
from laketrain.integrate.base import (
    StepResult,
    TableRows,
    column,
    duplicate_examples,
    fail_on,
    format_values,
    to_quarantine,
)
from laketrain.integrate.instants import instant
from laketrain.integrate.sweep import AT, EVENT, EVENTS, POSITION, TIME, VERSION, last_events_before
from laketrain.spark.persistence import PersistedFrames

_ORDER, _KEY = "_integrate_order", "_integrate_key"


def history(table: TableRows, step: History, frames: PersistedFrames) -> StepResult:
    """The entities of `table` with their latest events, or its rows with the events before each.

    Raises DataError where rows have no entity or no time, unless the step quarantines them, and where none of several
    versions of an event is the latest.
    """
    complete = _is_complete(table.frame, [*step.by, step.order_by[0]])
    rows = table.frame.where(complete)
    if step.latest_by or step.availability_column:  # read several times
        rows = frames.checkpoint(rows)
    events = rows.count()
    rejected = _incomplete(table, step, complete) if events < table.rows else None
    counts = {"events": events}
    if step.availability_column:
        timed = _timed(rows, step)
        available = timed.where(F.col(AT).isNotNull())
        counts |= {"never_known": events - available.count(), **_superseded(available, step)}
        earlier = _available_before_each(timed, available, step, table)
    else:
        counts |= _superseded(rows, step)
        latest = _latest_versions(rows, step, table)
        if step.per == "entity":
            return _per_entity(latest, step, frames, rejected, counts)
        timed, earlier = rows.withColumn(TIME, column(step.order_by[0])), _before_each(latest, step)
    return StepResult(_with_arrays(timed, earlier, step, rows.columns), events, rejected, None, counts)


def _per_entity(latest: DataFrame, step: History, frames: PersistedFrames, rejected: DataFrame | None,
                counts: dict[str, int]) -> StepResult:
    """One row per entity, from the latest versions of its events."""
    entities = frames.checkpoint(_collect_events(latest, step))
    array = column(step.arrays[step.columns[0]])
    [totals] = entities.agg(F.count("*").alias("rows"), F.sum(F.size(array)).alias("events")).collect()
    older = counts["events"] - counts.get("superseded", 0) - (totals["events"] or 0)
    return StepResult(entities, totals["rows"], rejected, None,
                      {**counts, "older": older, "gathered": counts["events"] - totals["rows"]})


def _superseded(rows: DataFrame, step: History) -> dict[str, int]:
    """The number of rows that a later version of the same event replaces."""
    if not step.latest_by:
        return {}
    events = rows.select(*map(column, [*step.by, *step.order_by])).distinct()
    return {"superseded": rows.count() - events.count()}


def _is_complete(frame: DataFrame, names: list[str]) -> Column:
    """Whether a row has an entity and a time: neither null nor NaN."""
    kinds = dict(frame.dtypes)
    conditions = [column(name).isNotNull() for name in names]
    conditions += [~F.isnan(column(name)) for name in names if kinds[name] in ("float", "double")]
    # A comparison with null is null: such rows would match neither the condition nor its negation.
    return F.coalesce(reduce(and_, conditions), F.lit(False))


def _incomplete(table: TableRows, step: History, complete: Column) -> DataFrame:
    reason = F.concat(F.lit("has no entity or no time: "), format_values([*step.by, step.order_by[0]]))
    rejected = to_quarantine(table.frame.where(~complete), table.frame.columns, table.name, step.label, reason)
    if step.unplaced == "fatal":
        fail_on(rejected, f"history by {', '.join(step.by)}", f"{table.name} have no entity or no time",
                "repair or reject them in clean, or set unplaced: quarantine")
    return rejected


def _event(step: History) -> Column:
    """The columns of the order, then those that are collected. Events that are equal in all of them are
    interchangeable."""
    names = dict.fromkeys([*step.order_by, *step.columns])
    return F.struct(*(column(name).alias(f"c{index}") for index, name in enumerate(names)))


def _arrays(events: Column, step: History) -> list[Column]:
    indices = {name: index for index, name in enumerate(dict.fromkeys([*step.order_by, *step.columns]))}
    return [events.getField(f"c{indices[name]}").alias(new) for name, new in step.arrays.items()]


def _collect_events(rows: DataFrame, step: History) -> DataFrame:
    by = [column(name) for name in step.by]
    latest = _latest(rows.select(*by, _event(step).alias(EVENT)), by, step.last)
    entities = latest.groupBy(*by).agg(F.sort_array(F.collect_list(EVENT)).alias(EVENTS))
    collected = entities.select(*by, *_arrays(F.col(EVENTS), step))
    if not step.count:
        return collected
    return collected.join(rows.groupBy(*by).agg(F.count("*").alias(step.count)), step.by)


def _latest(events: DataFrame, by: list[Column], last: int) -> DataFrame:
    """The last events of each group. Spark drops most others before the shuffle."""
    window = Window.partitionBy(*by).orderBy(F.col(EVENT).desc())
    return events.withColumn(POSITION, F.row_number().over(window)).where(F.col(POSITION) <= last).drop(POSITION)


def _latest_versions(rows: DataFrame, step: History, table: TableRows) -> DataFrame:
    """The latest version of each event."""
    if not step.latest_by:
        return rows
    _check_versions(rows, step, table, [step.latest_by])
    order = column(step.latest_by).desc_nulls_last()
    event = Window.partitionBy(*map(column, [*step.by, *step.order_by])).orderBy(order)
    return rows.withColumn(POSITION, F.row_number().over(event)).where(F.col(POSITION) == 1).drop(POSITION)


def _check_versions(rows: DataFrame, step: History, table: TableRows, versions: list[str]) -> None:
    """Raises DataError where two versions of an event are equal in `versions`, so that neither is the latest."""
    order = list(dict.fromkeys([*step.order_by, *versions]))
    names = [*step.by, *order]
    # In a struct, because `duplicate_examples` treats two nulls as different.
    ordered = rows.withColumn(_ORDER, F.struct(*map(column, order)))
    if examples := duplicate_examples(ordered, [*step.by, _ORDER], names):
        raise DataError("integrate", f"history by {', '.join(step.by)}",
                        f"several rows of {table.name} share {', '.join(names)}: {examples}",
                        "there is no rule to choose among them: make them differ, add a 'unique' rule to clean, "
                        "or add a column to 'order' in which events of the same time differ")


def _timed(rows: DataFrame, step: History) -> DataFrame:
    """The rows with their TIME, and with AT, from when on other rows may use them: the time at which they became known,
    but not before TIME; null for rows that never became known."""
    time, kinds, name = step.order_by[0], dict(rows.dtypes), step.availability_column
    assert name is not None
    kind = widened(kinds[time], kinds[name]) or kinds[time]
    happened, available = instant(column(time), kind), instant(column(name), kind)
    return rows.withColumns({TIME: happened, AT: F.when(available.isNotNull(), F.greatest(happened, available))})


def _available_before_each(timed: DataFrame, available: DataFrame, step: History, table: TableRows) -> DataFrame:
    """The key's columns, each time of a key, and the last events that happened and were known before it."""
    by, keys = [column(name) for name in step.by], [f"{_KEY}{index}" for index in range(len(step.by))]
    named = [name.alias(key) for name, key in zip(by, keys, strict=True)]
    position, version = F.row_number().over(Window.partitionBy(*by).orderBy(_event(step))), F.lit(0)
    if step.latest_by:
        versions = list(dict.fromkeys([step.latest_by, *filter(None, [step.availability_column])]))
        _check_versions(available, step, table, versions)
        order = [column(name) for name in step.order_by]
        position = F.dense_rank().over(Window.partitionBy(*by).orderBy(*order))
        version = F.row_number().over(Window.partitionBy(*by, *order).orderBy(*map(column, versions)))
    events = available.select(*named, AT, position.alias(POSITION), version.alias(VERSION), _event(step).alias(EVENT))
    queries = timed.select(*named, TIME, F.col(TIME).alias(AT)).distinct()
    earlier = last_events_before(queries, events, keys, step.last)
    return earlier.select(*(F.col(key).alias(name) for key, name in zip(keys, step.by, strict=True)), TIME, EVENTS)


def _before_each(rows: DataFrame, step: History) -> DataFrame:
    """The key's columns, each time of a key, and the last events before that time.

    The events of one time are grouped first, because they see the same earlier ones. Each time has at least one event,
    so the last n events are among those of the n times before it.
    """
    by, time = [column(name) for name in step.by], column(step.order_by[0])
    latest = _latest(rows.select(*by, time.alias(TIME), _event(step).alias(EVENT)), [*by, F.col(TIME)], step.last)
    grouped = latest.groupBy(*by, TIME).agg(F.sort_array(F.collect_list(EVENT)).alias(EVENTS))
    window = Window.partitionBy(*by).orderBy(TIME).rowsBetween(-step.last, -1)
    events = F.flatten(F.collect_list(EVENTS).over(window))
    earlier = grouped.select(*by, TIME, events.alias(EVENTS))
    last = F.slice(F.col(EVENTS), F.greatest(F.size(EVENTS) - step.last + 1, F.lit(1)), step.last)
    return earlier.select(*by, TIME, last.alias(EVENTS))


def _with_arrays(timed: DataFrame, earlier: DataFrame, step: History, columns: list[str]) -> DataFrame:
    """The `columns` of every row and the arrays of its TIME."""
    joined = timed.join(earlier, [*step.by, TIME])
    return joined.select(*map(column, columns), *_arrays(F.col(EVENTS), step))
