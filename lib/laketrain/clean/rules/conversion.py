"""Rules that make values of another type: read text as a type, split it into an array, compute a column."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql import types as T

from laketrain.clean import lossless
from laketrain.clean.lossless import AN_INFINITY, BELOW_MICROS
from laketrain.clean.rules.base import received, reject
from laketrain.config.clean import Cast, Derive, Parse
from laketrain.errors import DataError
from laketrain.spark.frames import quoted

_NAMES_ZONE = r"\d:\d\d(:\d\d([.]\d*)?)?\s*[A-Za-z+-]"
"""Matches a text in which something stands behind the time of day."""


def cast(frame: DataFrame, rule: Cast) -> DataFrame:
    """Reads the column as the type `to`; rejects values that aren't one, or would lose a part, and leaves nulls."""
    before = F.col(quoted(rule.column))
    name, kind = f"cast({rule.column})", frame.schema[rule.column].dataType
    # As a reason quotes them, texts can't be told from other values: what was read is always shown as it came.
    after = _read(before, kind.simpleString(), rule)
    frame = reject(frame, name, before.isNotNull() & after.isNull(),
                   received(before, f"expected {rule.to}{f' as {rule.format}' if rule.format else ''}"))
    why = _lost(before, after, kind, frame.select(after.alias("x")).schema["x"].dataType, rule)
    frame = reject(frame, name, why.isNotNull(), received(before, why))
    if rule.zone:
        after, shown = _on_the_clock(before, after, kind.simpleString(), rule)
        frame = reject(frame, name, ~shown, received(before, f"a time that clocks in {rule.zone} jumped over"))
    return frame.withColumn(rule.column, after)


def parse(frame: DataFrame, rule: Parse) -> DataFrame:
    """Splits text into an array of numbers; rejects rows with an element that isn't one."""
    element = rule.to.removeprefix("array<").removesuffix(">")
    text = F.col(quoted(rule.column))
    tokens = F.split(F.trim(text), _literally(rule.separator))
    values = tokens.try_cast(rule.to)
    # The lambda names the culprit, and is too slow to look for one in every row: a null among the values tells that.
    culprit = F.get(F.filter(tokens, lambda token: token.try_cast(element).isNull()), F.lit(0))
    reason = F.format_string(f"element '%s' is no {element}", culprit)
    frame = reject(frame, f"parse({rule.column})", F.size(F.array_compact(values)) < F.size(tokens), reason)
    if element == "double":
        infinite = F.array_contains(values, float("inf")) | F.array_contains(values, float("-inf"))
        frame = reject(frame, f"parse({rule.column})", infinite & ~text.rlike(AN_INFINITY),
                       F.lit("an element is a number beyond double"))
        label = F.when(text.rlike("[dDfFxX]"), F.get(F.filter(tokens, lossless.is_javas), F.lit(0)))
        frame = reject(frame, f"parse({rule.column})", label.isNotNull(),
                       F.format_string("element '%s' has " + lossless.A_LETTER, label))
    return frame.withColumn(rule.column, values)


def derive(frame: DataFrame, rule: Derive) -> DataFrame:
    """Computes the column; rejects rows in which the expression gives something that is no `type`."""
    made = F.expr(rule.sql)
    value = made.try_cast(rule.type)
    broken = made.isNotNull() & value.isNull()
    frame = reject(frame, f"derive({rule.column})", broken, received(made, f"expected {rule.type}"))
    return frame.withColumn(rule.column, value)


def _lost(before: Column, after: Column, kind: T.DataType, to: T.DataType, rule: Cast) -> Column:
    """What a value loses by the rule, in words; null where nothing."""
    if rule.format:
        # A day that is read from a time is what the format says.
        fine = before.rlike(BELOW_MICROS) & F.lit(not isinstance(to, T.DateType))
        return F.when(fine, F.lit("digits below a microsecond"))
    if rule.decimal or rule.thousands:
        return lossless.flaw(_number(before, rule), after, T.StringType(), to)
    return lossless.flaw(before, after, kind, to)


def _read(value: Column, kind: str, rule: Cast) -> Column:
    """The value as the type `to`, null where it is none; a time still as if its clock showed UTC."""
    if rule.decimal or rule.thousands:
        return _number(value, rule).try_cast(rule.to)
    if rule.format is None:
        return value.try_cast(rule.to)
    if kind != "string":
        raise DataError("clean", f"cast({rule.column})", f"is {kind} already, so there is no text to read by the "
                        f"format {rule.format!r}", "leave the format out")
    return F.try_to_timestamp(F.trim(value), F.lit(rule.format)).try_cast(rule.to)


def _number(value: Column, rule: Cast) -> Column:
    return lossless.plain_number(value.cast("string"), rule.decimal or ".", rule.thousands or "")


def _on_the_clock(before: Column, read: Column, kind: str, rule: Cast) -> tuple[Column, Column]:
    """The instant at which clocks of the zone showed `read`, and whether they ever did."""
    if kind not in ("string", "timestamp_ntz"):
        raise DataError("clean", f"cast({rule.column})", f"is {kind} already, which no zone can change",
                        "leave the zone out")
    local = read.cast("timestamp")
    there = F.to_utc_timestamp(local, str(rule.zone))
    back = F.from_utc_timestamp(there, str(rule.zone))
    named = before.rlike(_NAMES_ZONE) if kind == "string" and rule.format is None else F.lit(False)
    return F.when(named, read).otherwise(there.cast(rule.to)), named | (back == local)


def _literally(separator: str) -> str:
    """`separator` as a Java regular expression; one space stands for any run of white space."""
    return r"\s+" if separator == " " else r"\Q" + separator + r"\E"
