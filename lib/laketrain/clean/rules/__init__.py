"""The rules: each is a short function from DataFrame to DataFrame. A rule never drops a row, but marks it as rejected.

    with RuleContext() as context:
        frame = apply(rules, frame, context)    # frame has the columns FILE, RECORD and REJECT of `clean.reading`

The first rule that a row breaks rejects it; later rules skip it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from laketrain.clean.reading import REJECT, rejection
from laketrain.clean.rules.context import RuleContext
from laketrain.clean.rules.conversion import cast, derive, parse
from laketrain.clean.rules.custom import code_hashes, function
from laketrain.clean.rules.imputation import impute
from laketrain.clean.rules.keys import unique
from laketrain.clean.rules.near_duplicates import near_duplicates
from laketrain.clean.rules.outliers import outliers
from laketrain.clean.rules.personal import (
    WITHHELD,
    drop,
    hash_,
    key_hashes,
    mask,
    masked_file,
    masked_record,
    personal_columns,
)
from laketrain.clean.rules.text import text, trim
from laketrain.clean.rules.values import allowed, check, length, not_null, range_, regex, replace
from laketrain.config.clean import (
    Allowed,
    BaseRule,
    Cast,
    Check,
    Derive,
    Drop,
    Function,
    Hash,
    Impute,
    Length,
    Mask,
    NearDuplicates,
    NotNull,
    Outliers,
    Parse,
    Range,
    Regex,
    Replace,
    Text,
    Trim,
    Unique,
)
from laketrain.errors import DataError, nearest

__all__ = ["RuleContext", "apply", "code_hashes", "key_hashes", "personal_columns", "masked_file", "masked_record"]

_RULES: dict[type, Callable[[DataFrame, Any], DataFrame]] = {
    NotNull: not_null,
    Trim: trim,
    Text: text,
    Replace: replace,
    Cast: cast,
    Parse: parse,
    Derive: derive,
    Length: length,
    Range: range_,
    Allowed: allowed,
    Regex: regex,
    Check: check,
    Unique: unique,
    Drop: drop,
    Mask: mask,
    Hash: hash_,
}

_FITTING: dict[type, Callable[[DataFrame, Any, RuleContext], DataFrame]] = {
    Outliers: outliers,
    Impute: impute,
    NearDuplicates: near_duplicates,
    Function: function,
}
"""Rules that compute statistics of the rows first, and record them."""


def apply(rules: Sequence[BaseRule], frame: DataFrame, context: RuleContext) -> DataFrame:
    """Applies the rules in order: changes values, and marks rows that break a rule."""
    copies: set[str] = set()  # columns derived from personal ones, which no rule hides itself
    for number, rule in enumerate(rules):
        _check_columns(rule, frame)
        before = len(context.fitted)
        fitting = _FITTING.get(type(rule))
        frame = fitting(frame, rule, context) if fitting else _RULES[type(rule)](frame, rule)
        personal = personal_columns(rules[number + 1:]) | copies
        copies = (copies | _derived(rule, personal)) - personal_columns([rule])
        if _reads(rule, personal):
            frame = _without_reasons(frame, rule)
            context.fitted[before:] = [{**entry, "values": WITHHELD} if "values" in entry else entry
                                       for entry in context.fitted[before:]]
    return frame


def _check_columns(rule: BaseRule, frame: DataFrame) -> None:
    """Does the config's checks that need the columns, for columns that were inferred from the data."""
    for column in rule.uses():
        if column not in frame.columns:
            raise DataError("clean", f"rule {rule.rule}", f"there is no column {column!r}",
                            nearest(column, [name for name in frame.columns if name[:1] != "_"]))
    for problem in rule.problems(dict(frame.dtypes)):
        raise DataError("clean", f"rule {rule.rule}", problem.problem, problem.hint)


def _reads(rule: BaseRule, columns: set[str]) -> bool:
    """Whether the rule reads one of the columns, so that its reasons may quote it."""
    sql = getattr(rule, "sql", "").lower()
    return not columns.isdisjoint(rule.uses()) or any(column.lower() in sql for column in columns)


def _derived(rule: BaseRule, columns: set[str]) -> set[str]:
    """The columns that the rule may derive from some of these. A function may read any column."""
    if isinstance(rule, Derive) and _reads(rule, columns):
        return {rule.column}
    return set(rule.adds) if isinstance(rule, Function) and columns else set()


def _without_reasons(frame: DataFrame, rule: BaseRule) -> DataFrame:
    """Masks the reasons of the rule's rejections, as they quote what a later rule masks."""
    by_rule = F.startswith(F.col(f"{REJECT}.rule"), F.lit(f"{rule.rule}("))
    masked = rejection(F.col(f"{REJECT}.rule"), F.lit(WITHHELD))
    return frame.withColumn(REJECT, F.when(by_rule, masked).otherwise(F.col(REJECT)))
