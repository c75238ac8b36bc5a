"""Rules that change types: parse text as a type, split it into an array, compute a column."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql import types as T

from laketrain.clean import lossless
from laketrain.clean.lossless import BELOW_MICROS, INFINITY
from laketrain.clean.rules.base import received, reject
from laketrain.config.clean import Cast, Derive, Parse
from laketrain.errors import DataError
from laketrain.spark.frames import quoted

_NAMES_ZONE = r"\d:\d\d(:\d\d([.]\d*)?)?\s*[A-Za-z+-]"
"""Matches a text with a zone after the time of day."""


def cast(frame: DataFrame, rule: Cast) -> DataFrame:
    """Converts the column to the type `to`. Rejects values that don't convert exactly, and leaves nulls."""
    before = F.col(quoted(rule.column))
    name, kind = f"cast({rule.column})", frame.schema[rule.column].dataType
    # Reasons always quote the original value.
    after = _convert(before, kind.simpleString(), rule)
    frame = reject(frame, name, before.isNotNull() & after.isNull(),
                   received(before, f"expected {rule.to}{f' as {rule.format}' if rule.format else ''}"))
    loss = _loss(before, after, kind, frame.select(after.alias("x")).schema["x"].dataType, rule)
    frame = reject(frame, name, loss.isNotNull(), received(before, loss))
    if rule.zone:
        after, exists = _in_zone(before, after, kind.simpleString(), rule)
        frame = reject(frame, name, ~exists, received(before, f"a time that clocks in {rule.zone} jumped over"))
    return frame.withColumn(rule.column, after)


def parse(frame: DataFrame, rule: Parse) -> DataFrame:
    """Splits text into an array of numbers; rejects rows with an element that isn't one."""
    element = rule.to.removeprefix("array<").removesuffix(">")
    text = F.col(quoted(rule.column))
    tokens = F.split(F.trim(text), _as_pattern(rule.separator))
    values = tokens.try_cast(rule.to)
    # The lambda names the culprit, but is too slow to run for each row: a null among the values is the condition.
    culprit = F.get(F.filter(tokens, lambda token: token.try_cast(element).isNull()), F.lit(0))
    reason = F.format_string(f"element '%s' isn't of type {element}", culprit)
    frame = reject(frame, f"parse({rule.column})", F.size(F.array_compact(values)) < F.size(tokens), reason)
    if element == "double":
        infinite = F.array_contains(values, float("inf")) | F.array_contains(values, float("-inf"))
        frame = reject(frame, f"parse({rule.column})", infinite & ~text.rlike(INFINITY),
                       F.lit("an element is a number beyond double"))
        label = F.when(text.rlike("[dDfFxX]"), F.get(F.filter(tokens, lossless.is_java_number), F.lit(0)))
        frame = reject(frame, f"parse({rule.column})", label.isNotNull(),
                       F.format_string("element '%s' has " + lossless.LETTER_SUFFIX, label))
    return frame.withColumn(rule.column, values)


def derive(frame: DataFrame, rule: Derive) -> DataFrame:
    """Computes the column. Rejects rows in which the expression's result isn't of the type `type`."""
    result = F.expr(rule.sql)
    value = result.try_cast(rule.type)
    broken = result.isNotNull() & value.isNull()
    frame = reject(frame, f"derive({rule.column})", broken, received(result, f"expected {rule.type}"))
    return frame.withColumn(rule.column, value)


def _loss(before: Column, after: Column, kind: T.DataType, to: T.DataType, rule: Cast) -> Column:
    """Describes what a value loses by the rule; null if nothing."""
    if rule.format:
        # With a format, a date may be read from a time.
        too_fine = before.rlike(BELOW_MICROS) & F.lit(not isinstance(to, T.DateType))
        return F.when(too_fine, F.lit("digits below a microsecond"))
    if rule.decimal or rule.thousands:
        return lossless.cast_problem(_number(before, rule), after, T.StringType(), to)
    return lossless.cast_problem(before, after, kind, to)


def _convert(value: Column, kind: str, rule: Cast) -> Column:
    """The value as the type `to`, null if it doesn't convert. Times are still interpreted as UTC."""
    if rule.decimal or rule.thousands:
        return _number(value, rule).try_cast(rule.to)
    if rule.format is None:
        return value.try_cast(rule.to)
    if kind != "string":
        raise DataError("clean", f"cast({rule.column})", f"is {kind} already, so the format {rule.format!r} has no "
                        "effect", "remove the format")
    return F.try_to_timestamp(F.trim(value), F.lit(rule.format)).try_cast(rule.to)


def _number(value: Column, rule: Cast) -> Column:
    return lossless.plain_number(value.cast("string"), rule.decimal or ".", rule.thousands or "")


def _in_zone(before: Column, value: Column, kind: str, rule: Cast) -> tuple[Column, Column]:
    """The instant of the local time `value` in the rule's zone, and whether that local time exists."""
    if kind not in ("string", "timestamp_ntz"):
        raise DataError("clean", f"cast({rule.column})", f"is {kind} already, which no zone can change",
                        "remove the zone")
    local = value.cast("timestamp")
    instant = F.to_utc_timestamp(local, str(rule.zone))
    back = F.from_utc_timestamp(instant, str(rule.zone))
    has_zone = before.rlike(_NAMES_ZONE) if kind == "string" and rule.format is None else F.lit(False)
    return F.when(has_zone, value).otherwise(instant.cast(rule.to)), has_zone | (back == local)


def _as_pattern(separator: str) -> str:
    """`separator` as a Java regular expression. A single space matches any white space."""
    return r"\s+" if separator == " " else r"\Q" + separator + r"\E"
