"""The rules, each a short DataFrame-to-DataFrame function. None drops a row: it marks the row as rejected.

    with Judging() as judging:
        frame = apply(rules, frame, judging)    # frame has the columns FILE, RECORD and REJECT of `clean.reading`

A row is rejected once, by the first rule that it breaks; later rules leave it alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from laketrain.clean.reading import REJECT, rejection
from laketrain.clean.rules.conversion import cast, derive, parse
from laketrain.clean.rules.custom import code_marks, function
from laketrain.clean.rules.imputation import impute
from laketrain.clean.rules.judging import Judging
from laketrain.clean.rules.keys import unique
from laketrain.clean.rules.near_duplicates import near_duplicates
from laketrain.clean.rules.outliers import outliers
from laketrain.clean.rules.personal import (
    WITHHELD,
    drop,
    hash_,
    key_marks,
    mask,
    personal_columns,
    veiled_file,
    veiled_record,
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

__all__ = ["Judging", "apply", "code_marks", "key_marks", "personal_columns", "veiled_file", "veiled_record"]

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

_LEARNING: dict[type, Callable[[DataFrame, Any, Judging], DataFrame]] = {
    Outliers: outliers,
    Impute: impute,
    NearDuplicates: near_duplicates,
    Function: function,
}
"""Rules that look at the rows before they know what to do, and have something to say of it."""


def apply(rules: Sequence[BaseRule], frame: DataFrame, judging: Judging) -> DataFrame:
    """`frame` after the rules, in their order: values changed, rows that break one marked."""
    copies: set[str] = set()  # columns that a rule made of personal ones, which nothing hides by itself
    for number, rule in enumerate(rules):
        _check_columns(rule, frame)
        told = len(judging.fitted)
        learning = _LEARNING.get(type(rule))
        frame = learning(frame, rule, judging) if learning else _RULES[type(rule)](frame, rule)
        personal = personal_columns(rules[number + 1:]) | copies
        copies = (copies | _made_of(rule, personal)) - personal_columns([rule])
        if _touches(rule, personal):
            frame = _unsaid(frame, rule)
            judging.fitted[told:] = [{**one, "values": WITHHELD} if "values" in one else one
                                     for one in judging.fitted[told:]]
    return frame


def _check_columns(rule: BaseRule, frame: DataFrame) -> None:
    """What the config's check couldn't tell where the columns are inferred from the data."""
    for column in rule.uses():
        if column not in frame.columns:
            raise DataError("clean", f"rule {rule.rule}", f"there is no column {column!r}",
                            nearest(column, [name for name in frame.columns if name[:1] != "_"]))
    for problem in rule.problems(dict(frame.dtypes)):
        raise DataError("clean", f"rule {rule.rule}", problem.problem, problem.hint)


def _touches(rule: BaseRule, columns: set[str]) -> bool:
    """Whether the rule reads one of the columns, and so could quote it."""
    sql = getattr(rule, "sql", "").lower()
    return not columns.isdisjoint(rule.uses()) or any(column.lower() in sql for column in columns)


def _made_of(rule: BaseRule, columns: set[str]) -> set[str]:
    """The columns that the rule makes of some of these; a function may look at all there are."""
    if isinstance(rule, Derive) and _touches(rule, columns):
        return {rule.column}
    return set(rule.adds) if isinstance(rule, Function) and columns else set()


def _unsaid(frame: DataFrame, rule: BaseRule) -> DataFrame:
    """The rule's rejections without their reasons, which quote what a later rule veils."""
    mine = F.startswith(F.col(f"{REJECT}.rule"), F.lit(f"{rule.rule}("))
    veiled = rejection(F.col(f"{REJECT}.rule"), F.lit(WITHHELD))
    return frame.withColumn(REJECT, F.when(mine, veiled).otherwise(F.col(REJECT)))
