"""The rules, each a short DataFrame-to-DataFrame function. None drops a row: it marks the row as rejected.

    frame = apply(rule, frame)      # frame has the columns FILE, RECORD and REJECT of `clean.reading`

A row is rejected once, by the first rule that it breaks; later rules leave it alone.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from laketrain.clean.reading import FILE, RECORD, REJECT, rejection
from laketrain.config.clean import (
    Allowed,
    Cast,
    Check,
    Length,
    NotNull,
    Parse,
    Range,
    Replace,
    Trim,
    Unique,
)
from laketrain.spark.frames import quoted


def apply(rule: Any, frame: DataFrame) -> DataFrame:
    """`frame` after `rule`: values changed, rows that break it marked."""
    return _RULES[type(rule)](frame, rule)


def not_null(frame: DataFrame, rule: NotNull) -> DataFrame:
    """Rejects rows in which one of the columns is null or an empty text."""
    for column in rule.columns:
        value = F.col(quoted(column))
        missing = value.isNull()
        if dict(frame.dtypes)[column] == "string":
            missing |= F.trim(value) == ""
        frame = _reject(frame, f"not_null({column})", missing, F.lit("has no value"))
    return frame


def trim(frame: DataFrame, rule: Trim) -> DataFrame:
    """White space around text goes, and with `lower` its capitals."""
    for column in rule.columns:
        text = F.trim(F.regexp_replace(F.col(quoted(column)).cast("string"), r"\s+", " "))
        frame = frame.withColumn(column, F.lower(text) if rule.lower else text)
    return frame


def replace(frame: DataFrame, rule: Replace) -> DataFrame:
    """Values that are keys of `values` become what stands there; the column's type stays."""
    pairs = [F.lit(text) for pair in rule.values.items() for text in pair]
    value = F.col(quoted(rule.column))
    meant = F.create_map(*pairs)[value.cast("string")].try_cast(dict(frame.dtypes)[rule.column])
    return frame.withColumn(rule.column, F.coalesce(meant, value))


def cast(frame: DataFrame, rule: Cast) -> DataFrame:
    """Reads the column as the type `to`; rejects values that aren't one, and leaves nulls."""
    before = F.col(quoted(rule.column))
    after = before.try_cast(rule.to)
    broken = before.isNotNull() & after.isNull()
    frame = _reject(frame, f"cast({rule.column})", broken, _received(before, f"expected {rule.to}"))
    return frame.withColumn(rule.column, after)


def parse(frame: DataFrame, rule: Parse) -> DataFrame:
    """Splits text into an array of numbers; rejects rows with an element that isn't one."""
    element = rule.to.removeprefix("array<").removesuffix(">")
    tokens = F.split(F.trim(F.col(quoted(rule.column))), _literally(rule.separator))
    values = tokens.try_cast(rule.to)
    # The lambda names the culprit, and is too slow to look for one in every row: a null among the values tells that.
    culprit = F.get(F.filter(tokens, lambda token: token.try_cast(element).isNull()), F.lit(0))
    reason = F.format_string(f"element '%s' is no {element}", culprit)
    frame = _reject(frame, f"parse({rule.column})", F.size(F.array_compact(values)) < F.size(tokens), reason)
    return frame.withColumn(rule.column, values)


def length(frame: DataFrame, rule: Length) -> DataFrame:
    """Rejects arrays and texts of another length."""
    column = F.col(quoted(rule.column))
    is_array = dict(frame.dtypes)[rule.column].startswith("array")
    size = F.size(column) if is_array else F.length(column)
    bounds = {"=": rule.equals, "≥": rule.min, "≤": rule.max}
    expected = " and ".join(f"{sign} {bound}" for sign, bound in bounds.items() if bound is not None)
    broken = F.lit(False)
    if rule.equals is not None:
        broken |= size != rule.equals
    if rule.min is not None:
        broken |= size < rule.min
    if rule.max is not None:
        broken |= size > rule.max
    reason = F.format_string(f"has length %d, expected {expected}", size)
    return _reject(frame, f"length({rule.column})", broken & column.isNotNull(), reason)


def range_(frame: DataFrame, rule: Range) -> DataFrame:
    """Rejects numbers, and arrays with a number, outside [min, max]; a NaN is outside."""
    column = F.col(quoted(rule.column))
    expected = f"expected {_interval(rule)}"
    if dict(frame.dtypes)[rule.column].startswith("array"):
        culprit = F.get(F.filter(column, lambda value: _outside(value, rule)), F.lit(0))
        reason = F.concat(F.lit("an element is "), culprit.cast("string"), F.lit(f", {expected}"))
        # Spark's order puts NaN above all numbers, so the maximum finds it.
        broken = _outside(F.array_min(column), rule) | _outside(F.array_max(column), rule)
        return _reject(frame, f"range({rule.column})", broken, reason)
    return _reject(frame, f"range({rule.column})", _outside(column, rule), _received(column, expected))


def allowed(frame: DataFrame, rule: Allowed) -> DataFrame:
    """Rejects values that are not in the list, and leaves nulls."""
    column = F.col(quoted(rule.column))
    shown = ", ".join(map(str, rule.values[:8])) + (", …" if len(rule.values) > 8 else "")
    broken = column.isNotNull() & ~column.cast("string").isin([str(value) for value in rule.values])
    return _reject(frame, f"allowed({rule.column})", broken, _received(column, f"expected one of {shown}"))


def unique(frame: DataFrame, rule: Unique) -> DataFrame:
    """Of the rows still good with one key, keeps one; which one never depends on how Spark cut the input."""
    latest = [F.col(quoted(rule.latest_by)).desc_nulls_last()] if rule.latest_by else []
    columns = [F.col(quoted(column)) for column in rule.key]
    window = Window.partitionBy(*columns, F.col(REJECT).isNull()).orderBy(*latest, FILE, RECORD)
    place = "_place"
    key = F.concat_ws(", ", *(F.coalesce(column.cast("string"), F.lit("null")) for column in columns))
    ranked = frame.withColumn(place, F.row_number().over(window))
    reason = F.concat(F.lit(f"another row has {', '.join(rule.key)} = "), key)
    return _reject(ranked, f"unique({', '.join(rule.key)})", F.col(place) > 1, reason).drop(place)


def check(frame: DataFrame, rule: Check) -> DataFrame:
    """Rejects rows for which the SQL condition isn't true."""
    return _reject(frame, f"check({rule.sql})", ~F.coalesce(F.expr(rule.sql), F.lit(False)), F.lit("is not true"))


_RULES: dict[type, Callable[[DataFrame, Any], DataFrame]] = {
    NotNull: not_null,
    Trim: trim,
    Replace: replace,
    Cast: cast,
    Parse: parse,
    Length: length,
    Range: range_,
    Allowed: allowed,
    Unique: unique,
    Check: check,
}


def _reject(frame: DataFrame, rule: str, broken: Column, reason: Column) -> DataFrame:
    """Marks the good rows for which `broken` is true. Null is not broken: rules that mind nulls say so."""
    newly = F.col(REJECT).isNull() & F.coalesce(broken, F.lit(False))
    return frame.withColumn(REJECT, F.when(newly, rejection(F.lit(rule), reason)).otherwise(F.col(REJECT)))


def _received(column: Column, expected: str) -> Column:
    return F.concat(F.lit("received "), F.substring(column.cast("string"), 1, 60), F.lit(f", {expected}"))


def _outside(value: Column, rule: Range) -> Column:
    outside = F.isnan(value.cast("double"))
    if rule.min is not None:
        outside |= value < rule.min
    if rule.max is not None:
        outside |= value > rule.max
    return outside


def _interval(rule: Range) -> str:
    if rule.min is None:
        return f"at most {rule.max:g}"
    if rule.max is None:
        return f"at least {rule.min:g}"
    return f"{rule.min:g} to {rule.max:g}"


def _literally(separator: str) -> str:
    """`separator` as a Java regular expression; one space stands for any run of white space."""
    return r"\s+" if separator == " " else r"\Q" + separator + r"\E"
