"""The partner that is nearest in time, found by one sort: no row is compared with more than the last one seen.

    done = as_of(Side("clean/trades", frame, 4380), step, tables, kept)

Both sides are put under each other, and within a key sorted by time; then each left row's partner is the last right row
before it. Where a key holds so many rows that one task would get most of the work, its time is cut into stretches (see
`laketrain.integrate.stretches`).

A right row that became known after its own time is sorted by when it was known. The last one is then that of the latest
time among those before, and of its versions the latest.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from laketrain.config.integrate import AsOf
from laketrain.config.integrate.known import NONE
from laketrain.config.widening import widened
from laketrain.errors import DataError
from laketrain.integrate.base import Done, Side, column, refuse, rejects, repeated, values
from laketrain.integrate.instants import instant
from laketrain.integrate.stretches import AT, LEFT, OF_LEFT, ORDER, RIGHT, SIDE, cut, under_each_other, with_last
from laketrain.spark.persistence import PersistedFrames

_KEY, _MATCH, _RANK, _HAS = "_integrate_key", "_integrate_match", "_integrate_rank", "_integrate_has"
_KNOWN, _VERSION = "_integrate_known", "_integrate_version"


def as_of(table: Side, step: AsOf, tables: Mapping[str, Side], kept: PersistedFrames) -> Done:
    """`table` with the columns of its partners.

    Raises DataError where several rows of the other table share key and time, or where rows without a partner are
    declared as none ("fatal").
    """
    other = tables[step.table]
    kinds = _kinds(table.frame, other.frame, step)
    keys = [f"{_KEY}{place}" for place in range(len(step.keys))]
    new = step.taken(dict(other.frame.dtypes))
    right, left_out = _series(_placed(other.frame, step.keys.values(), step.other_time, kinds), step, other, list(new),
                              kinds[-1])
    left = _placed(table.frame, step.keys, step.time, kinds).select(
        *keys, AT, F.struct(*(column(name).alias(f"c{place}") for place, name in enumerate(table.frame.columns)))
        .alias(LEFT))
    # Rows that can't have a partner go another way: all nulls are one key, and would crowd one task.
    lost = left.where(~_is_placed(keys)).withColumn(_MATCH, F.lit(None).cast(right.schema[RIGHT].dataType))
    found = _found(left.where(_is_placed(keys)), right, keys, step, table.rows + other.rows)
    marked = kept.checkpoint(found.select(LEFT, _MATCH, F.lit(True).alias(_HAS))
                       .unionByName(lost.select(LEFT, _MATCH, F.lit(False).alias(_HAS))))
    rows = marked.select(*(F.col(f"{LEFT}.c{place}").alias(name) for place, name in enumerate(table.frame.columns)),
                         *(F.col(f"{_MATCH}.c{place}").alias(name) for place, name in enumerate(new.values())),
                         F.col(_MATCH).isNotNull().alias(_MATCH), _HAS)
    counts = {(row[_MATCH], row[_HAS]): row["count"] for row in rows.groupBy(_MATCH, _HAS).count().collect()}
    matched, nulls = counts.get((True, True), 0), counts.get((False, False), 0)
    unmatched = counts.get((False, True), 0) + nulls
    keep = step.unmatched.left == "keep"
    rejected = _lonely(rows, table, other, step) if unmatched and not keep else None
    out = rows if keep else rows.where(column(_MATCH))
    return Done(out.drop(_MATCH, _HAS), matched + (unmatched if keep else 0), rejected, None,
                {"matched": matched, "unmatched": unmatched, "null_keys": nulls,
                 "other": {"rows": other.rows, **left_out}})


def _kinds(left: DataFrame, right: DataFrame, step: AsOf) -> list[str]:
    """The types in which keys, then times, are compared."""
    mine, others = dict(left.dtypes), dict(right.dtypes)
    pairs = [*step.keys.items(), (step.time, step.other_time)]
    kinds = [widened(mine[name], others[old]) or mine[name] for name, old in pairs]
    return [*kinds[:-1], widened(kinds[-1], others[step.known]) or kinds[-1]] if step.known else kinds


def _placed(frame: DataFrame, keys: Iterable[str], time: str, kinds: list[str]) -> DataFrame:
    """The rows with their key and their time as columns that can be compared."""
    named = {f"{_KEY}{place}": column(name).cast(kinds[place]) for place, name in enumerate(keys)}
    return frame.withColumns({**named, AT: instant(column(time), kinds[-1])})


def _is_placed(keys: list[str]) -> Column:
    found = F.col(AT).isNotNull()
    for key in keys:
        found = found & F.col(key).isNotNull()
    return found


def _series(
    placed: DataFrame, step: AsOf, other: Side, taken: list[str], kind: str
) -> tuple[DataFrame, dict[str, int]]:
    """The other table's rows that have a key and a time, at the time from which each counts: one of a key, time and
    version. And how many it has besides."""
    keys = [name for name in placed.columns if name.startswith(_KEY)]
    rows = placed.where(_is_placed(keys))
    complete = rows.count()
    left_out = {"null_keys": other.rows - complete}
    if step.known:
        rows = rows.withColumn(_KNOWN, instant(column(step.known), kind)).where(F.col(_KNOWN).isNotNull())
        known = rows.count()
        left_out |= {"never_known": complete - known, "superseded": known - rows.select(*keys, AT).distinct().count()}
    elif step.latest_by:
        order = column(step.latest_by).desc_nulls_last()
        rows = rows.withColumn(_RANK, F.rank().over(Window.partitionBy(*keys, AT).orderBy(order))).where(
            F.col(_RANK) == 1)
        left_out["superseded"] = complete - rows.count()
    # In a struct, as `repeated` takes two nulls for different, and two versions of null can't be told apart.
    rows = rows.withColumn(_VERSION, F.struct(F.lit(0), *map(column, step.versions)))
    names = [*step.keys.values(), step.other_time, *(step.versions if step.known else ())]
    if shown := repeated(rows, [*keys, AT, _VERSION], names):
        hint = ("of equals there none can be chosen: tell them apart, or add a 'unique' rule to its clean section"
                if step.versions else
                "say by 'known_by' when each became known, by 'latest_by' which one counts, or add a 'unique' rule to "
                "its clean section")
        raise DataError("integrate", _subject(step),
                        f"several rows of {other.name} share {', '.join(names)}: {shown}", hint)
    order = F.struct(F.col(AT).alias("at"), F.col(_VERSION)).alias(ORDER)
    right = F.struct(order, *(column(name).alias(f"c{place}") for place, name in enumerate(taken))).alias(RIGHT)
    return rows.select(*keys, (F.greatest(AT, _KNOWN) if step.known else F.col(AT)).alias(AT), right), left_out


def _found(left: DataFrame, right: DataFrame, keys: list[str], step: AsOf, rows: int) -> DataFrame:
    """LEFT and _MATCH of the rows that have a key and a time."""
    both = under_each_other(left, right)
    both, cuts = cut(both, keys, rows)
    sides = {"backward": [True], "forward": [False], "nearest": [True, False]}[step.direction]
    for earlier in sides:
        both = with_last(both, keys, cuts, _side(earlier), earlier, step.allow_exact)
    first, *second = [F.col(_side(earlier)) for earlier in sides]
    match = first
    for other in second:
        match = F.when(first.isNull() | (_far(other) < _far(first)), other).otherwise(first)
    found = both.where(F.col(SIDE) == OF_LEFT).select(LEFT, AT, match.alias(_MATCH))
    if step.tolerance is None:
        return found
    most = (step.tolerance // timedelta(microseconds=1) if isinstance(step.tolerance, timedelta) else step.tolerance)
    return found.withColumn(_MATCH, F.when(_far(F.col(_MATCH)) <= F.lit(most), F.col(_MATCH)))


def _side(earlier: bool) -> str:
    return f"{_MATCH}{int(earlier)}"


def _far(match: Column) -> Column:
    """How far in time the match is. Equal times are no distance apart, infinite ones too."""
    there = match.getField(ORDER).getField("at")
    return F.when(there == F.col(AT), F.lit(0)).otherwise(F.abs(there - F.col(AT)))


def _lonely(rows: DataFrame, table: Side, other: Side, step: AsOf) -> DataFrame:
    names = [*step.keys, step.time]
    where = "known by" if step.known else {"backward": "up to", "forward": "from", "nearest": "near"}[step.direction]
    reason = F.concat(F.lit(f"no partner in {other.name} {where} "), values(names))
    lonely = rejects(rows.where(~column(_MATCH)), table.frame.columns, table.name, step.label, reason)
    if step.unmatched.left == "fatal":
        refuse(lonely, _subject(step), f"{table.name} have no partner in {other.name}",
               "land what is missing, widen the tolerance, or set 'unmatched' to keep or quarantine" + (
                   f"; rows count from {step.known!r} on, unless known_by: {NONE} lets them look ahead"
                   if step.known else ""))
    return lonely


def _subject(step: AsOf) -> str:
    return f"as_of {step.table}"
