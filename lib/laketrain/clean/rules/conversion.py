"""Rules that make values of another type: read text as a type, split it into an array, compute a column."""

from __future__ import annotations

import re

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from laketrain.clean.rules.base import received, reject, type_of
from laketrain.config.clean import Cast, Derive, Parse
from laketrain.errors import DataError
from laketrain.spark.frames import quoted

_NAMES_ZONE = r"\d:\d\d(:\d\d([.]\d*)?)?\s*[A-Za-z+-]"
"""Matches a text in which something stands behind the time of day."""


def cast(frame: DataFrame, rule: Cast) -> DataFrame:
    """Reads the column as the type `to`; rejects values that aren't one, and leaves nulls."""
    before = F.col(quoted(rule.column))
    name, kind = f"cast({rule.column})", type_of(frame, rule.column)
    # As a reason quotes them, texts can't be told from other values: what was read is always shown as it came.
    form = f" as {rule.format}" if rule.format else ""
    after = _read(before, kind, rule)
    frame = reject(frame, name, before.isNotNull() & after.isNull(), received(before, f"expected {rule.to}{form}"))
    if rule.zone:
        after, shown = _on_the_clock(before, after, kind, rule)
        frame = reject(frame, name, ~shown, received(before, f"a time that clocks in {rule.zone} jumped over"))
    return frame.withColumn(rule.column, after)


def parse(frame: DataFrame, rule: Parse) -> DataFrame:
    """Splits text into an array of numbers; rejects rows with an element that isn't one."""
    element = rule.to.removeprefix("array<").removesuffix(">")
    tokens = F.split(F.trim(F.col(quoted(rule.column))), _literally(rule.separator))
    values = tokens.try_cast(rule.to)
    # The lambda names the culprit, and is too slow to look for one in every row: a null among the values tells that.
    culprit = F.get(F.filter(tokens, lambda token: token.try_cast(element).isNull()), F.lit(0))
    reason = F.format_string(f"element '%s' is no {element}", culprit)
    frame = reject(frame, f"parse({rule.column})", F.size(F.array_compact(values)) < F.size(tokens), reason)
    return frame.withColumn(rule.column, values)


def derive(frame: DataFrame, rule: Derive) -> DataFrame:
    """Computes the column; rejects rows in which the expression gives something that is no `type`."""
    made = F.expr(rule.sql)
    value = made.try_cast(rule.type)
    broken = made.isNotNull() & value.isNull()
    frame = reject(frame, f"derive({rule.column})", broken, received(made, f"expected {rule.type}"))
    return frame.withColumn(rule.column, value)


def _read(value: Column, kind: str, rule: Cast) -> Column:
    """The value as the type `to`, null where it is none; a time still as if its clock showed UTC."""
    if rule.decimal or rule.thousands:
        return _number(value.cast("string"), rule)
    if rule.format is None:
        return value.try_cast(rule.to)
    if kind != "string":
        raise DataError("clean", f"cast({rule.column})", f"is {kind} already, so there is no text to read by the "
                        f"format {rule.format!r}", "leave the format out")
    return F.try_to_timestamp(F.trim(value), F.lit(rule.format)).try_cast(rule.to)


def _number(text: Column, rule: Cast) -> Column:
    """Strict about groups: 1.5 is no number where the point stands between thousands."""
    point, group = re.escape(rule.decimal or "."), ""
    digits = r"\d+"
    if rule.thousands:
        # A space may also be one of those that typography uses.
        group = r"[ \x{A0}\x{202F}]" if rule.thousands == " " else re.escape(rule.thousands)
        digits = rf"(\d{{1,3}}({group}\d{{3}})+|\d+)"
    text = F.trim(text)
    whole = text.rlike(rf"\A[+-]?{digits}({point}\d+)?\z")
    bare = F.regexp_replace(text, group, "") if group else text
    return F.when(whole, F.regexp_replace(bare, point, ".").try_cast(rule.to))


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
