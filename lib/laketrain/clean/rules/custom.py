"""The rule that calls the user's function, and the contract that it checks."""

from __future__ import annotations

import hashlib
import importlib
import traceback
from collections.abc import Sequence
from typing import Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql import types as T

from laketrain.clean.reading import FILE, RECORD, REJECT
from laketrain.clean.rules.base import good
from laketrain.clean.rules.context import RuleContext
from laketrain.config.clean import BaseRule, Function
from laketrain.errors import DataError, nearest
from laketrain.spark.frames import quoted
from laketrain.usercode.lookup import module_source

TECHNICAL = (FILE, RECORD, REJECT)


def function(frame: DataFrame, rule: Function, context: RuleContext) -> DataFrame:
    """The good rows after the user's function, and the rejected rows, unchanged. Both frames are persisted.

    Raises DataError if the function can't be imported or fails, if it loses or adds a row, or if it changes a column
    that the rule doesn't declare.
    """
    frame = context.checkpoint(frame)
    result = _call(rule, good(frame))
    _check_columns(frame, result, rule)
    columns = [*(name for name in frame.columns if name not in {*rule.drops, *TECHNICAL}),
               *(name for name in rule.adds if name not in frame.columns), *TECHNICAL]
    types = dict(result.dtypes)
    rejected = frame.where(F.col(REJECT).isNotNull()).select(
        *((F.col(quoted(name)).try_cast(types[name]) if name in frame.columns else F.lit(None).cast(types[name]))
          .alias(name) for name in columns))
    before = _rows(frame)
    rows = result.select(*(F.col(quoted(name)) for name in columns)).unionByName(rejected)
    after = context.checkpoint(rows)
    _check_rows(before, _rows(after), rule)
    return after


def code_hashes(rules: Sequence[BaseRule]) -> dict[str, str]:
    """A hash of the module's source by function, so that a changed function rebuilds the table."""
    calls = sorted({rule.call for rule in rules if isinstance(rule, Function)})
    sources = {call: module_source(call) for call in calls}
    return {call: hashlib.sha256(source).hexdigest() for call, source in sources.items() if source is not None}


def _subject(rule: Function) -> str:
    return f"function({rule.call})"


def _call(rule: Function, rows: DataFrame) -> DataFrame:
    module, _, name = rule.call.partition(":")
    try:
        user_function: Any = getattr(importlib.import_module(module), name)
    except Exception as error:
        raise DataError("clean", _subject(rule), f"can't be imported: {type(error).__name__}: {error}",
                        f"try it: python -c 'from {module} import {name}'") from error
    try:
        result = user_function(rows, **rule.options)
    except Exception as error:
        last = traceback.extract_tb(error.__traceback__)[-1]
        raise DataError("clean", _subject(rule), f"raised {type(error).__name__}: {error}",
                        f"look at {last.filename}, line {last.lineno}") from error
    if not isinstance(result, DataFrame):
        raise DataError("clean", _subject(rule), f"returned {type(result).__name__}, expected a DataFrame",
                        "end it with 'return frame'")
    return result


def _check_columns(before: DataFrame, after: DataFrame, rule: Function) -> None:
    expected = {**{name: kind for name, kind in before.dtypes if name not in rule.drops},
                **{name: T.DataType.fromDDL(kind).simpleString() for name, kind in rule.adds.items()}}
    actual = dict(after.dtypes)
    lost, more = sorted(expected.keys() - actual.keys()), sorted(actual.keys() - expected.keys())
    if lost or more:
        what = [f"{verb} {', '.join(names)}" for verb, names in (("lost", lost), ("made", more)) if names]
        near = nearest(more[0], lost) if lost and more else ""
        raise DataError("clean", _subject(rule), f"{' and '.join(what)}, expected the columns {', '.join(expected)}",
                        near if near.startswith("Did") else "hand all columns on, or name the change in adds and drops")
    for name, kind in expected.items():
        if actual[name] != kind:
            raise DataError("clean", _subject(rule), f"made {name!r} {actual[name]}, expected {kind}",
                            f"cast it, or name the change, adds: {{{name}: {actual[name]}}}")


def _rows(frame: DataFrame) -> tuple[int, object]:
    """The number of rows, and the sum of the hashes of their files and records, which any changed row changes."""
    [row] = frame.agg(F.count("*"), F.sum(F.xxhash64(FILE, RECORD).cast("decimal(38,0)"))).collect()
    return row[0], row[1]


def _check_rows(before: tuple[int, object], after: tuple[int, object], rule: Function) -> None:
    if before[0] != after[0]:
        raise DataError("clean", _subject(rule), f"returned {after[0]} rows of {before[0]}",
                        "a rule neither drops nor makes rows; mark bad ones with laketrain.clean.reject")
    if before != after:
        raise DataError("clean", _subject(rule), f"returned as many rows, but other ones: {FILE} or {RECORD} changed",
                        "hand the columns that begin with _ on as they came, and no row twice")
