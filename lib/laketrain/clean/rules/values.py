"""Rules about the values of one row: presence, spelling, length, range, format."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from laketrain.clean.rules.base import present, received, reject, type_of
from laketrain.config.clean import Allowed, Check, Length, NotNull, Range, Regex, Replace
from laketrain.config.clean.values import format_bound
from laketrain.spark.frames import quoted


def not_null(frame: DataFrame, rule: NotNull) -> DataFrame:
    """Rejects rows in which a value of the columns is missing."""
    for column in rule.columns:
        frame = reject(frame, f"not_null({column})", present(frame, column).isNull(), F.lit("has no value"))
    return frame


def replace(frame: DataFrame, rule: Replace) -> DataFrame:
    """Replaces values that are keys of `values`. The column keeps its type."""
    pairs = [F.lit(text) for pair in rule.values.items() for text in pair]
    value = F.col(quoted(rule.column))
    replaced = F.create_map(*pairs)[value.cast("string")].try_cast(type_of(frame, rule.column))
    return frame.withColumn(rule.column, F.coalesce(replaced, value))


def length(frame: DataFrame, rule: Length) -> DataFrame:
    """Rejects arrays, maps, texts and binaries of another length."""
    column = F.col(quoted(rule.column))
    size = F.size(column) if type_of(frame, rule.column).startswith(("array", "map")) else F.length(column)
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
    return reject(frame, f"length({rule.column})", broken & column.isNotNull(), reason)


def range_(frame: DataFrame, rule: Range) -> DataFrame:
    """Rejects numbers, arrays with a number, dates and times outside [min, max]; a NaN is outside."""
    column = F.col(quoted(rule.column))
    name, expected = f"range({rule.column})", f"expected {_interval(rule)}"
    if isinstance(rule.min, str) or isinstance(rule.max, str):
        return reject(frame, name, _outside_time(column, rule), received(column, expected))
    if type_of(frame, rule.column).startswith("array"):
        culprit = F.get(F.filter(column, lambda value: _outside(value, rule)), F.lit(0))
        reason = F.concat(F.lit("an element is "), culprit.cast("string"), F.lit(f", {expected}"))
        # Spark orders NaN above all numbers, so the maximum is NaN if there is one.
        broken = _outside(F.array_min(column), rule) | _outside(F.array_max(column), rule)
        return reject(frame, name, broken, reason)
    return reject(frame, name, _outside(column, rule), received(column, expected))


def allowed(frame: DataFrame, rule: Allowed) -> DataFrame:
    """Rejects values that are not in the list, and leaves nulls."""
    column = F.col(quoted(rule.column))
    shown = ", ".join(map(str, rule.values[:8])) + (", …" if len(rule.values) > 8 else "")
    broken = column.isNotNull() & ~column.cast("string").isin([str(value) for value in rule.values])
    return reject(frame, f"allowed({rule.column})", broken, received(column, f"expected one of {shown}"))


def regex(frame: DataFrame, rule: Regex) -> DataFrame:
    """Rejects texts that the pattern doesn't match from end to end."""
    text = F.col(quoted(rule.column)).cast("string")
    # `\z`, since Java's `$` also matches before a final line end.
    broken = ~text.rlike(rf"\A(?:{rule.pattern})\z")
    return reject(frame, f"regex({rule.column})", broken, received(text, f"expected the form {rule.pattern}"))


def check(frame: DataFrame, rule: Check) -> DataFrame:
    """Rejects rows for which the SQL condition isn't true."""
    return reject(frame, f"check({rule.sql})", ~F.coalesce(F.expr(rule.sql), F.lit(False)), F.lit("is not true"))


def _outside(value: Column, rule: Range) -> Column:
    outside = F.isnan(value.cast("double"))
    if rule.min is not None:
        outside |= value < rule.min
    if rule.max is not None:
        outside |= value > rule.max
    return outside


def _outside_time(value: Column, rule: Range) -> Column:
    """Text that isn't a time counts as outside."""
    time = value.try_cast("timestamp")
    outside = value.isNotNull() & time.isNull()
    if rule.min is not None:
        outside |= time < F.lit(rule.min).cast("timestamp")
    if rule.max is not None:
        whole_day = len(str(rule.max)) == len("2026-11-20")
        last = F.lit(rule.max).cast("timestamp")
        outside |= (time >= last + F.expr("INTERVAL 1 DAY")) if whole_day else (time > last)
    return outside


def _interval(rule: Range) -> str:
    low, high = (format_bound(bound) if bound is not None else "" for bound in (rule.min, rule.max))
    if not low or not high:
        return f"at least {low}" if low else f"at most {high}"
    return f"{low} to {high}"
