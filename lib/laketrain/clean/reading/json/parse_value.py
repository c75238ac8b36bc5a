"""Parses a column of JSON texts with Spark, and checks that each is one value and nothing more.

    frame, value = add_parsed_columns(frame, parse_value(F.col("text"), columns, options), "_one")
    frame.select(value.exact, record_problem(value))

Spark's `from_json` parses the first value of a text and ignores what follows. So each text is parsed as the first
member of an object with a second member, and as the only element of an array. Text that could follow a value in one of
them, such as `,"x":1` or `]`, breaks the other.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql import types as T

from laketrain.clean.reading.base import CORRUPT, MAX_CHECKED_COLUMNS, describe_record
from laketrain.clean.reading.json.duplicate_keys import duplicate_key, key_type
from laketrain.clean.reading.json.exact_numbers import number_problem, parse_with_quoted_numbers, restore_numbers
from laketrain.clean.reading.json.loss_reasons import ParsedText, loss_reason, parse_wider
from laketrain.clean.reading.json.trailing_text import LONE_SURROGATE

_PREFIX = "_laketrain_"
VALUE, _END = f"{_PREFIX}value", f"{_PREFIX}end"
"""The members of the object that a text is parsed in; a text that has such a key itself is refused."""
_FILE_OPTIONS = ("mode", "columnnameofcorruptrecord", "multiline", "encoding", "charset", "linesep", "samplingratio")


@dataclass(frozen=True)
class ParsedValue(ParsedText):
    """Texts that were parsed as a type.

    Attributes:
        kind: the type. options: those of Spark's reader. wrapped: the object that the text was parsed in, with VALUE
            and _END. element_keys: the text as an element of an array, with its keys. exact: the value with the
            original digits in its strings.
    """

    kind: T.DataType
    options: Mapping[str, Any]
    wrapped: Column
    element_keys: Column
    exact: Column


def parse_value(text: Column, kind: T.DataType, options: Mapping[str, Any] | None = None) -> ParsedValue:
    """Parses the texts as `kind`. `options` are those of Spark's reader; those for files are ignored."""
    settings = parser_options(options)
    wrapper = T.StructType([T.StructField(VALUE, kind), T.StructField(_END, T.IntegerType()),
                            T.StructField(CORRUPT, T.StringType())])
    # The line break ends a comment, if comments are allowed.
    wrapped = F.from_json(F.concat(F.lit(f'{{"{VALUE}":'), text, F.lit(f'\n,"{_END}":1}}')), wrapper, settings)
    element_keys = F.from_json(F.concat(F.lit("["), text, F.lit("\n]")), T.ArrayType(key_type(kind)), settings)
    quoted = parse_with_quoted_numbers(text, kind, settings)
    return ParsedValue(text, wrapped[VALUE], quoted, parse_wider(text, kind, settings), kind, settings,
                       wrapped, element_keys, restore_numbers(text, wrapped[VALUE], quoted, kind))


def add_parsed_columns(frame: DataFrame, parsed: ParsedValue, prefix: str) -> tuple[DataFrame, ParsedValue]:
    """Adds what was parsed to the frame, in columns whose names begin with `prefix`, and returns references to them.

    Without it, Spark parses a text again for each expression that uses the result.
    """
    def column(part: str, expression: Column | None) -> Column | None:
        return None if expression is None else F.col(f"{prefix}_{part}")

    parts = {"wrapped": parsed.wrapped, "keys": parsed.element_keys, "quoted": parsed.quoted, "wider": parsed.wider}
    frame = frame.withColumns({f"{prefix}_{part}": value for part, value in parts.items() if value is not None})
    wrapped, quoted = F.col(f"{prefix}_wrapped"), column("quoted", parsed.quoted)
    frame = frame.withColumn(f"{prefix}_exact", restore_numbers(parsed.text, wrapped[VALUE], quoted, parsed.kind))
    return frame, replace(parsed, value=wrapped[VALUE], exact=F.col(f"{prefix}_exact"), wrapped=wrapped, quoted=quoted,
                          element_keys=F.col(f"{prefix}_keys"), wider=column("wider", parsed.wider))


def is_complete(parsed: ParsedValue) -> Column:
    """Whether the value has all of the text, in the declared types."""
    forged = parsed.text.contains(f'"{_PREFIX}')
    good = (parsed.value.isNotNull() & parsed.wrapped[CORRUPT].isNull() & (parsed.wrapped[_END] == 1) & ~forged
            & (F.size(parsed.element_keys) == 1))
    return F.coalesce(good, F.lit(False))


def exactness_problem(parsed: ParsedValue) -> Column:
    """Why Spark's result isn't the meaning of a complete text, whatever its types; null if it is."""
    return F.coalesce(_duplicate_key(parsed), number_problem(parsed.text, parsed.quoted, parsed.kind))


def _duplicate_key(parsed: ParsedValue) -> Column:
    """Describes the first duplicate key of the text's value; null if there is none."""
    return duplicate_key(F.get(parsed.element_keys, F.lit(0)), parsed.kind, parsed.options)


def record_problem(parsed: ParsedValue, mismatch: Column | None = None) -> Column:
    """Why a text isn't one object of the columns that it was parsed as; null if it is.

    Args:
        mismatch: the message for a text that isn't such an object at all; by default, that of `type_problem`.
    """
    assert isinstance(parsed.kind, T.StructType)
    text, columns = parsed.text, parsed.kind
    mismatch = type_problem(text, columns, parsed.options) if mismatch is None else mismatch
    has_lone_surrogate = text.contains("\\u") & text.rlike(r"(?<!\\)(?:\\\\)*" + LONE_SURROGATE)
    first = _parse_first(text, columns, parsed.options)
    has_more = first.isNotNull() & first[CORRUPT].isNull()
    not_a_record = F.when(has_more, F.lit("continues after its first JSON value")).otherwise(mismatch)
    return F.when(has_lone_surrogate, F.lit("contains half of a surrogate pair, which isn't a character")).otherwise(
        F.coalesce(_duplicate_key(parsed), F.when(~is_complete(parsed), not_a_record).otherwise(
            F.coalesce(number_problem(text, parsed.quoted, columns), loss_reason(parsed, columns, parsed.options)))))


def type_problem(text: Column, columns: T.StructType, options: Mapping[str, Any]) -> Column:
    """Why a text isn't an object of these columns; it names the first value of another type, if the columns are few.

    Args:
        options: those of `parser_options`.
    """
    shape = F.lit(f"isn't a {describe_record('json', columns)}")
    typed = [field for field in columns if not isinstance(field.dataType, T.StringType)]
    if not typed or len(typed) > MAX_CHECKED_COLUMNS:
        return shape

    def mismatches(name: str, kind: T.DataType) -> Column:
        return _parse_first(text, T.StructType([T.StructField(name, kind)]), options)[CORRUPT].isNotNull()

    reasons = [F.when(mismatches(field.name, field.dataType),
                      F.lit(f": no {field.dataType.simpleString().partition('<')[0]} in {field.name!r}"))
               for field in typed]
    detail = F.when(~mismatches(f"{_PREFIX}none", T.StringType()), F.coalesce(*reasons))
    return F.concat(shape, F.coalesce(detail, F.lit("")))


def _parse_first(text: Column, columns: T.StructType, options: Mapping[str, Any]) -> Column:
    """Parses the first value as Spark does, ignoring what follows."""
    schema = T.StructType([*columns.fields, T.StructField(CORRUPT, T.StringType())])
    return F.from_json(text, schema, dict(options))


def parser_options(options: Mapping[str, Any] | None) -> dict[str, Any]:
    """The options without those for files."""
    remaining = {name: value for name, value in (options or {}).items() if name.lower() not in _FILE_OPTIONS}
    return {**remaining, "columnNameOfCorruptRecord": CORRUPT}
