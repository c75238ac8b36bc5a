"""The rule that is a function of the user's, and the contract that it is held to."""

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
from laketrain.clean.rules.judging import Judging
from laketrain.config.clean import BaseRule, Function
from laketrain.errors import DataError, nearest
from laketrain.spark.frames import quoted
from laketrain.usercode.lookup import module_source

TECHNICAL = (FILE, RECORD, REJECT)


def function(frame: DataFrame, rule: Function, judging: Judging) -> DataFrame:
    """What the user's function makes of the good rows, beside the rejected ones as they are, both kept.

    Raises DataError where the function can't be had or fails, or where a column or a row is lost, made or changed
    that the rule doesn't name.
    """
    frame = judging.checkpoint(frame)
    made = _called(rule, good(frame))
    _check_columns(frame, made, rule)
    columns = [*(name for name in frame.columns if name not in {*rule.drops, *TECHNICAL}),
               *(name for name in rule.adds if name not in frame.columns), *TECHNICAL]
    types = dict(made.dtypes)
    rejected = frame.where(F.col(REJECT).isNotNull()).select(
        *((F.col(quoted(name)).try_cast(types[name]) if name in frame.columns else F.lit(None).cast(types[name]))
          .alias(name) for name in columns))
    before = _rows(frame)
    both = judging.checkpoint(made.select(*(F.col(quoted(name)) for name in columns)).unionByName(rejected))
    _check_rows(before, _rows(both), rule)
    return both


def code_marks(rules: Sequence[BaseRule]) -> dict[str, str]:
    """By call, a hash of the module's text, so that a changed function makes the table anew."""
    calls = sorted({rule.call for rule in rules if isinstance(rule, Function)})
    sources = {call: module_source(call) for call in calls}
    return {call: hashlib.sha256(source).hexdigest() for call, source in sources.items() if source is not None}


def _subject(rule: Function) -> str:
    return f"function({rule.call})"


def _called(rule: Function, rows: DataFrame) -> DataFrame:
    module, _, name = rule.call.partition(":")
    try:
        found: Any = getattr(importlib.import_module(module), name)
    except Exception as error:
        raise DataError("clean", _subject(rule), f"can't be imported: {type(error).__name__}: {error}",
                        f"try it: python -c 'from {module} import {name}'") from error
    try:
        made = found(rows, **rule.options)
    except Exception as error:
        last = traceback.extract_tb(error.__traceback__)[-1]
        raise DataError("clean", _subject(rule), f"raised {type(error).__name__}: {error}",
                        f"look at {last.filename}, line {last.lineno}") from error
    if not isinstance(made, DataFrame):
        raise DataError("clean", _subject(rule), f"returned {type(made).__name__}, expected a DataFrame",
                        "end it with 'return frame'")
    return made


def _check_columns(before: DataFrame, after: DataFrame, rule: Function) -> None:
    expected = {**{name: kind for name, kind in before.dtypes if name not in rule.drops},
                **{name: T.DataType.fromDDL(kind).simpleString() for name, kind in rule.adds.items()}}
    found = dict(after.dtypes)
    lost, more = sorted(expected.keys() - found.keys()), sorted(found.keys() - expected.keys())
    if lost or more:
        what = [f"{verb} {', '.join(names)}" for verb, names in (("lost", lost), ("made", more)) if names]
        near = nearest(more[0], lost) if lost and more else ""
        raise DataError("clean", _subject(rule), f"{' and '.join(what)}, expected the columns {', '.join(expected)}",
                        near if near.startswith("Did") else "hand all columns on, or name the change in adds and drops")
    for name, kind in expected.items():
        if found[name] != kind:
            raise DataError("clean", _subject(rule), f"made {name!r} {found[name]}, expected {kind}",
                            f"cast it, or name the change, adds: {{{name}: {found[name]}}}")


def _rows(frame: DataFrame) -> tuple[int, object]:
    """How many rows, and the sum of hashes of their file and record: another row in one's place changes it."""
    [row] = frame.agg(F.count("*"), F.sum(F.xxhash64(FILE, RECORD).cast("decimal(38,0)"))).collect()
    return row[0], row[1]


def _check_rows(before: tuple[int, object], after: tuple[int, object], rule: Function) -> None:
    if before[0] != after[0]:
        raise DataError("clean", _subject(rule), f"returned {after[0]} rows of {before[0]}",
                        "a rule neither drops nor makes rows; mark bad ones with laketrain.clean.reject")
    if before != after:
        raise DataError("clean", _subject(rule), f"returned as many rows, but other ones: {FILE} or {RECORD} changed",
                        "hand the columns that begin with _ on as they came, and no row twice")
