"""One join and its contract: keys that are unique where they must be, and partnerless rows that are never just lost.

    done = join(Side("clean/pixels", frame, 4380), step, tables, kept)
"""

from __future__ import annotations

from collections.abc import Mapping

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from laketrain.config.integrate import Join
from laketrain.errors import DataError
from laketrain.integrate.base import Done, Side, column, is_unknown, refuse, rejects, repeated, values
from laketrain.spark.persistence import PersistedFrames

_THERE, _NULL, _ROWS = "_integrate_there", "_integrate_null", "_integrate_rows"


def join(table: Side, step: Join, tables: Mapping[str, Side], kept: PersistedFrames) -> Done:
    """`table` with the columns of its partners.

    Raises DataError where a key that must be unique is not, or where a side whose partners are declared as complete
    ("fatal") has rows without one.
    """
    other, keys = tables[step.table], list(step.keys)
    new = step.taken(other.frame.columns)
    right = other.frame.select(*(column(old).alias(key) for key, old in step.keys.items()),
                               *(column(old).alias(name) for old, name in new.items()), F.lit(True).alias(_THERE))
    _check_unique(right, step, other.name)
    if step.relation == "one-to-one":
        _check_unique(table.frame, step, table.name)
    joined = kept.checkpoint(table.frame.join(right, keys, "left"))
    found = {(row[_THERE] is not None, row[_NULL]): row[_ROWS] for row in joined.groupBy(
        _THERE, is_unknown(keys).alias(_NULL)).agg(F.count("*").alias(_ROWS)).collect()}
    matched, unmatched = found.get((True, False), 0), found.get((False, False), 0) + found.get((False, True), 0)
    rejected = _lonely_left(joined, table, other, step) if unmatched else None
    others = _lonely_right(joined, table, other, step)
    out = joined if step.unmatched.left == "keep" else joined.where(column(_THERE).isNotNull())
    used = matched if step.relation == "one-to-one" else _matched_keys(joined, keys).count()
    return Done(
        out.select(*map(column, [*table.frame.columns, *new.values()])),
        matched + (unmatched if step.unmatched.left == "keep" else 0), rejected, others,
        {"matched": matched, "unmatched": unmatched, "null_keys": found.get((False, True), 0),
         "other": {"rows": other.rows, "unused": other.rows - used,
                   "null_keys": right.where(is_unknown(keys)).count()}})


def _check_unique(frame: DataFrame, step: Join, name: str) -> None:
    """Raises DataError naming some keys that more than one row of `frame` has."""
    shown = repeated(frame, step.keys, step.keys)
    if shown:
        raise DataError("integrate", f"{step.relation} join on {', '.join(step.keys)}",
                        f"the key is not unique in {name}: {shown}",
                        "add a 'unique' rule to its clean section, or aggregate it first")


def _lonely_left(joined: DataFrame, table: Side, other: Side, step: Join) -> DataFrame | None:
    if step.unmatched.left == "keep":
        return None
    lonely = rejects(joined.where(column(_THERE).isNull()), table.frame.columns, table.name, step.label,
                     _reason(other, list(step.keys)))
    if step.unmatched.left == "fatal":
        _refuse(lonely, table, other, step)
    return lonely


def _lonely_right(joined: DataFrame, table: Side, other: Side, step: Join) -> DataFrame | None:
    if step.unmatched.right == "drop":
        return None
    keys = [column(old).alias(f"{_ROWS}{place}") for place, old in enumerate(step.keys.values())]
    names = [f"{_ROWS}{place}" for place in range(len(keys))]
    # A null key equals nothing, so its row has no partner; an anti join keeps such rows, as it should here.
    alone = other.frame.select("*", *keys).join(_matched_keys(joined, list(step.keys)).toDF(*names), names, "left_anti")
    lonely = rejects(alone, other.frame.columns, other.name, step.label, _reason(table, list(step.keys.values())))
    if step.unmatched.right == "fatal":
        _refuse(lonely, other, table, step)
    return lonely


def _matched_keys(joined: DataFrame, keys: list[str]) -> DataFrame:
    return joined.where(column(_THERE).isNotNull()).select(*map(column, keys)).distinct()


def _reason(missing: Side, keys: list[str]) -> Column:
    return F.concat(F.lit(f"no partner in {missing.name} for "), values(keys))


def _refuse(lonely: DataFrame, table: Side, other: Side, step: Join) -> None:
    refuse(lonely, f"join on {', '.join(step.keys)}", f"{table.name} have no partner in {other.name}",
           "land what is missing, or set 'unmatched' to quarantine")
