"""The step `as_of`: joins each row with the row of another table that is nearest in time, in one sort.

    result = as_of(TableRows("clean/trades", frame, 4380), step, tables, cache)

Both tables are stacked and, within each key, sorted by time. The match of a left row is then the last right row before
it, so no row is compared with more than one other. A key with so many rows that one task would get most of the work is
split into time ranges (see `laketrain.integrate.skew`).

A right row that became known after its own time is sorted by when it became known. The match is then the row with the
latest time among those before, and of several versions of it the latest.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from laketrain.config.integrate import AsOf
from laketrain.config.integrate.availability import NONE
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
from laketrain.integrate.skew import AT, IS_LEFT, LEFT, ORDER, RIGHT, SIDE, split_large_keys, stack, with_last
from laketrain.spark.persistence import PersistedFrames

_KEY, _MATCH, _RANK, _COMPLETE = "_integrate_key", "_integrate_match", "_integrate_rank", "_integrate_complete"
_AVAILABLE, _VERSION = "_integrate_available", "_integrate_version"


def as_of(table: TableRows, step: AsOf, tables: Mapping[str, TableRows], frames: PersistedFrames) -> StepResult:
    """`table` with the columns of the matching rows.

    Raises DataError where several rows of the other table share key and time, or where a row has no match although
    unmatched rows are declared as "fatal".
    """
    other = tables[step.table]
    kinds = _comparison_types(table.frame, other.frame, step)
    keys = [f"{_KEY}{index}" for index in range(len(step.keys))]
    new = step.added_columns(other.frame.columns)
    right, left_out = _right_rows(_with_key_and_time(other.frame, step.keys.values(), step.other_time, kinds), step,
                                  other, list(new), kinds[-1])
    left = _with_key_and_time(table.frame, step.keys, step.time, kinds).select(
        *keys, AT, F.struct(*(column(name).alias(f"c{index}") for index, name in enumerate(table.frame.columns)))
        .alias(LEFT))
    # Rows without a key or time are handled separately: nulls are a single key, and would all be in one task.
    incomplete = left.where(~_is_complete(keys)).withColumn(_MATCH, F.lit(None).cast(right.schema[RIGHT].dataType))
    matches = _find_matches(left.where(_is_complete(keys)), right, keys, step, table.rows + other.rows)
    matched_rows = frames.checkpoint(matches.select(LEFT, _MATCH, F.lit(True).alias(_COMPLETE))
                             .unionByName(incomplete.select(LEFT, _MATCH, F.lit(False).alias(_COMPLETE))))
    rows = matched_rows.select(
        *(F.col(f"{LEFT}.c{index}").alias(name) for index, name in enumerate(table.frame.columns)),
        *(F.col(f"{_MATCH}.c{index}").alias(name) for index, name in enumerate(new.values())),
        F.col(_MATCH).isNotNull().alias(_MATCH), _COMPLETE)
    counts = {(row[_MATCH], row[_COMPLETE]): row["count"]
              for row in rows.groupBy(_MATCH, _COMPLETE).count().collect()}
    matched, nulls = counts.get((True, True), 0), counts.get((False, False), 0)
    unmatched = counts.get((False, True), 0) + nulls
    keep = step.unmatched.left == "keep"
    rejected = _unmatched(rows, table, other, step) if unmatched and not keep else None
    out = rows if keep else rows.where(column(_MATCH))
    return StepResult(out.drop(_MATCH, _COMPLETE), matched + (unmatched if keep else 0), rejected, None,
                      {"matched": matched, "unmatched": unmatched, "null_keys": nulls,
                       "other": {"rows": other.rows, **left_out}})


def _comparison_types(left: DataFrame, right: DataFrame, step: AsOf) -> list[str]:
    """The types in which keys, then times, are compared."""
    left_types, right_types = dict(left.dtypes), dict(right.dtypes)
    pairs = [*step.keys.items(), (step.time, step.other_time)]
    kinds = [widened(left_types[name], right_types[other]) or left_types[name] for name, other in pairs]
    available = step.availability_column
    return [*kinds[:-1], widened(kinds[-1], right_types[available]) or kinds[-1]] if available else kinds


def _with_key_and_time(frame: DataFrame, keys: Iterable[str], time: str, kinds: list[str]) -> DataFrame:
    """The rows with their key and their time in columns that can be compared."""
    compared = {f"{_KEY}{index}": column(name).cast(kinds[index]) for index, name in enumerate(keys)}
    return frame.withColumns({**compared, AT: instant(column(time), kinds[-1])})


def _is_complete(keys: list[str]) -> Column:
    """Whether a row has a key and a time."""
    complete = F.col(AT).isNotNull()
    for key in keys:
        complete = complete & F.col(key).isNotNull()
    return complete


def _right_rows(
    keyed: DataFrame, step: AsOf, other: TableRows, taken: list[str], kind: str
) -> tuple[DataFrame, dict[str, int]]:
    """The other table's rows with a key and a time, at the time from which each counts, one for each key, time and
    version; and counts of the rows that are left out."""
    keys = [name for name in keyed.columns if name.startswith(_KEY)]
    rows = keyed.where(_is_complete(keys))
    complete = rows.count()
    left_out = {"null_keys": other.rows - complete}
    if step.availability_column:
        available_at = instant(column(step.availability_column), kind)
        rows = rows.withColumn(_AVAILABLE, available_at).where(F.col(_AVAILABLE).isNotNull())
        available = rows.count()
        left_out |= {"never_known": complete - available,
                     "superseded": available - rows.select(*keys, AT).distinct().count()}
    elif step.latest_by:
        order = column(step.latest_by).desc_nulls_last()
        rows = rows.withColumn(_RANK, F.rank().over(Window.partitionBy(*keys, AT).orderBy(order))).where(
            F.col(_RANK) == 1)
        left_out["superseded"] = complete - rows.count()
    # In a struct, because `duplicate_examples` treats two nulls as different, and two null versions are duplicates.
    rows = rows.withColumn(_VERSION, F.struct(F.lit(0), *map(column, step.versions)))
    names = [*step.keys.values(), step.other_time, *(step.versions if step.availability_column else ())]
    if examples := duplicate_examples(rows, [*keys, AT, _VERSION], names):
        hint = ("there is no rule to choose among them: make them differ, or add a 'unique' rule to the table's clean "
                "section" if step.versions else
                "set 'known_by' to the column with the time at which each became known or 'latest_by' to the column "
                "whose highest value counts, or add a 'unique' rule to the table's clean section")
        raise DataError("integrate", _subject(step),
                        f"several rows of {other.name} share {', '.join(names)}: {examples}", hint)
    order = F.struct(F.col(AT).alias("at"), F.col(_VERSION)).alias(ORDER)
    right = F.struct(order, *(column(name).alias(f"c{index}") for index, name in enumerate(taken))).alias(RIGHT)
    at = F.greatest(AT, _AVAILABLE) if step.availability_column else F.col(AT)
    return rows.select(*keys, at.alias(AT), right), left_out


def _find_matches(left: DataFrame, right: DataFrame, keys: list[str], step: AsOf, rows: int) -> DataFrame:
    """LEFT and _MATCH of the rows that have a key and a time."""
    both = stack(left, right)
    both, splits = split_large_keys(both, keys, rows)
    directions = {"backward": [True], "forward": [False], "nearest": [True, False]}[step.direction]
    for earlier in directions:
        both = with_last(both, keys, splits, _candidate(earlier), earlier, step.allow_exact)
    first, *second = [F.col(_candidate(earlier)) for earlier in directions]
    match = first
    for other in second:
        match = F.when(first.isNull() | (_distance(other) < _distance(first)), other).otherwise(first)
    matches = both.where(F.col(SIDE) == IS_LEFT).select(LEFT, AT, match.alias(_MATCH))
    if step.tolerance is None:
        return matches
    limit = (step.tolerance // timedelta(microseconds=1) if isinstance(step.tolerance, timedelta) else step.tolerance)
    return matches.withColumn(_MATCH, F.when(_distance(F.col(_MATCH)) <= F.lit(limit), F.col(_MATCH)))


def _candidate(earlier: bool) -> str:
    return f"{_MATCH}{int(earlier)}"


def _distance(match: Column) -> Column:
    """The distance in time to the match. It is 0 for equal times, infinite ones too."""
    time = match.getField(ORDER).getField("at")
    return F.when(time == F.col(AT), F.lit(0)).otherwise(F.abs(time - F.col(AT)))


def _unmatched(rows: DataFrame, table: TableRows, other: TableRows, step: AsOf) -> DataFrame:
    names = [*step.keys, step.time]
    directions = {"backward": "up to", "forward": "from", "nearest": "near"}
    where = "known by" if step.availability_column else directions[step.direction]
    reason = F.concat(F.lit(f"no partner in {other.name} {where} "), format_values(names))
    rejected = to_quarantine(rows.where(~column(_MATCH)), table.frame.columns, table.name, step.label, reason)
    if step.unmatched.left == "fatal":
        fail_on(rejected, _subject(step), f"{table.name} have no partner in {other.name}",
                "land what is missing, widen the tolerance, or set 'unmatched' to keep or quarantine" + (
                    f"; rows match from their {step.availability_column!r} on, or with known_by: {NONE} from their time"
                    if step.availability_column else ""))
    return rejected


def _subject(step: AsOf) -> str:
    return f"as_of {step.table}"
