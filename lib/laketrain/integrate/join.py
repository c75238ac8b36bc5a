"""The step `join`: checks that keys are unique where the relation requires it, and accounts for unmatched rows.

    result = join(TableRows("clean/pixels", frame, 4380), step, tables, cache)
"""

from __future__ import annotations

from collections.abc import Mapping

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from laketrain.config.integrate import Join
from laketrain.errors import DataError
from laketrain.integrate.base import (
    StepResult,
    TableRows,
    any_null,
    column,
    duplicate_examples,
    fail_on,
    format_values,
    to_quarantine,
)
from laketrain.spark.persistence import PersistedFrames

_MATCHED, _NULL_KEY, _COUNT = "_integrate_matched", "_integrate_null", "_integrate_rows"


def join(table: TableRows, step: Join, tables: Mapping[str, TableRows], frames: PersistedFrames) -> StepResult:
    """`table` with the columns of the matching rows.

    Raises DataError where a key that must be unique isn't, or where a side has unmatched rows although they are
    declared as "fatal".
    """
    other, keys = tables[step.table], list(step.keys)
    new = step.added_columns(other.frame.columns)
    right = other.frame.select(*(column(old).alias(key) for key, old in step.keys.items()),
                               *(column(old).alias(name) for old, name in new.items()), F.lit(True).alias(_MATCHED))
    _check_unique(right, step, other.name)
    if step.relation == "one-to-one":
        _check_unique(table.frame, step, table.name)
    joined = frames.checkpoint(table.frame.join(right, keys, "left"))
    counts = {(row[_MATCHED] is not None, row[_NULL_KEY]): row[_COUNT] for row in joined.groupBy(
        _MATCHED, any_null(keys).alias(_NULL_KEY)).agg(F.count("*").alias(_COUNT)).collect()}
    matched, unmatched = counts.get((True, False), 0), counts.get((False, False), 0) + counts.get((False, True), 0)
    keep = step.unmatched.left == "keep"
    rejected = _unmatched_left(joined, table, other, step) if unmatched else None
    others = _unmatched_right(joined, table, other, step)
    rows = joined if keep else joined.where(column(_MATCHED).isNotNull())
    used = matched if step.relation == "one-to-one" else _matched_keys(joined, keys).count()
    return StepResult(
        rows.select(*map(column, [*table.frame.columns, *new.values()])), matched + (unmatched if keep else 0),
        rejected, others,
        {"matched": matched, "unmatched": unmatched, "null_keys": counts.get((False, True), 0),
         "other": {"rows": other.rows, "unused": other.rows - used,
                   "null_keys": right.where(any_null(keys)).count()}})


def _check_unique(frame: DataFrame, step: Join, name: str) -> None:
    """Raises DataError with some keys that more than one row of `frame` has."""
    examples = duplicate_examples(frame, step.keys, step.keys)
    if examples:
        raise DataError("integrate", f"{step.relation} join on {', '.join(step.keys)}",
                        f"the key is not unique in {name}: {examples}",
                        "add a 'unique' rule to its clean section, or aggregate it first")


def _unmatched_left(joined: DataFrame, table: TableRows, other: TableRows, step: Join) -> DataFrame | None:
    if step.unmatched.left == "keep":
        return None
    rejected = to_quarantine(joined.where(column(_MATCHED).isNull()), table.frame.columns, table.name, step.label,
                             _reason(other, list(step.keys)))
    if step.unmatched.left == "fatal":
        _fail(rejected, table, other, step)
    return rejected


def _unmatched_right(joined: DataFrame, table: TableRows, other: TableRows, step: Join) -> DataFrame | None:
    if step.unmatched.right == "drop":
        return None
    keys = [column(old).alias(f"{_COUNT}{index}") for index, old in enumerate(step.keys.values())]
    names = [f"{_COUNT}{index}" for index in range(len(keys))]
    # A null key equals nothing: an anti join keeps such rows, which have no match.
    unused = other.frame.select("*", *keys).join(_matched_keys(joined, list(step.keys)).toDF(*names), names,
                                                 "left_anti")
    rejected = to_quarantine(unused, other.frame.columns, other.name, step.label,
                             _reason(table, list(step.keys.values())))
    if step.unmatched.right == "fatal":
        _fail(rejected, other, table, step)
    return rejected


def _matched_keys(joined: DataFrame, keys: list[str]) -> DataFrame:
    return joined.where(column(_MATCHED).isNotNull()).select(*map(column, keys)).distinct()


def _reason(missing: TableRows, keys: list[str]) -> Column:
    return F.concat(F.lit(f"no partner in {missing.name} for "), format_values(keys))


def _fail(rejected: DataFrame, table: TableRows, other: TableRows, step: Join) -> None:
    fail_on(rejected, f"join on {', '.join(step.keys)}", f"{table.name} have no partner in {other.name}",
            "land what is missing, or set 'unmatched' to quarantine")
