"""A column of JSON texts parsed by Spark, each one value and nothing more.

    frame, value = computed(frame, parsed(F.col("text"), columns, options), "_one")
    frame.select(value.taken, flaw(value))

Spark's `from_json` takes the first value of a text and is silent about what follows. So each text is parsed as the
first member of an object that has another one behind it, and as the only element of an array. What may follow a value
in one of them, such as `,"x":1` or `]`, breaks the other.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql import types as T

from laketrain.clean.reading.base import CORRUPT, MAX_CHECKED_COLUMNS, describe_record
from laketrain.clean.reading.json_losses import Came, lost_within, wide
from laketrain.clean.reading.json_numbers import exact, inexact, written
from laketrain.clean.reading.json_tails import HALF
from laketrain.clean.reading.json_twice import keys_of, twice

_OURS = "_laketrain_"
VALUE, _END = f"{_OURS}value", f"{_OURS}end"
"""The members of the object in which a text is parsed; a text that names one itself isn't taken."""
_OF_FILES = ("mode", "columnnameofcorruptrecord", "multiline", "encoding", "charset", "linesep", "samplingratio")


@dataclass(frozen=True)
class Parsed(Came):
    """Texts that were parsed as a type, each with the Came of it.

    Attributes:
        kind: the type. options: those of Spark's reader. one: the object in which it was parsed, with VALUE and _END.
            alone: the text as an element of an array, with its keys. taken: the value with its texts as they came.
    """

    kind: T.DataType
    options: Mapping[str, Any]
    one: Column
    alone: Column
    taken: Column


def parsed(text: Column, kind: T.DataType, options: Mapping[str, Any] | None = None) -> Parsed:
    """The texts parsed as `kind`. `options` are those of Spark's reader; what is about files is left out."""
    given = own(options)
    wrapper = T.StructType([T.StructField(VALUE, kind), T.StructField(_END, T.IntegerType()),
                            T.StructField(CORRUPT, T.StringType())])
    # The line break ends a comment, where those are allowed.
    one = F.from_json(F.concat(F.lit(f'{{"{VALUE}":'), text, F.lit(f'\n,"{_END}":1}}')), wrapper, given)
    alone = F.from_json(F.concat(F.lit("["), text, F.lit("\n]")), T.ArrayType(keys_of(kind)), given)
    came = written(text, kind, given)
    return Parsed(text, one[VALUE], came, wide(text, kind, given), kind, given, one, alone,
                  exact(text, one[VALUE], came, kind))


def computed(frame: DataFrame, parsed: Parsed, name: str) -> tuple[DataFrame, Parsed]:
    """The frame with what was parsed in columns whose names begin with `name`, and the same of these columns: Spark
    parses a text anew wherever an expression that does it is named within others."""
    def column(part: str, made: Column | None) -> Column | None:
        return None if made is None else F.col(f"{name}_{part}")

    known = {"one": parsed.one, "alone": parsed.alone, "written": parsed.written, "wide": parsed.wide}
    frame = frame.withColumns({f"{name}_{part}": made for part, made in known.items() if made is not None})
    one, came = F.col(f"{name}_one"), column("written", parsed.written)
    frame = frame.withColumn(f"{name}_taken", exact(parsed.text, one[VALUE], came, parsed.kind))
    return frame, replace(parsed, value=one[VALUE], taken=F.col(f"{name}_taken"), one=one, written=came,
                          alone=F.col(f"{name}_alone"), wide=column("wide", parsed.wide))


def whole(parsed: Parsed) -> Column:
    """Whether the value is all that the text holds, in its types."""
    forged = parsed.text.contains(f'"{_OURS}')
    good = (parsed.value.isNotNull() & parsed.one[CORRUPT].isNull() & (parsed.one[_END] == 1) & ~forged
            & (F.size(parsed.alone) == 1))
    return F.coalesce(good, F.lit(False))


def unlike(parsed: Parsed) -> Column:
    """Why a whole text can't be taken for what Spark makes of it, whatever its types; null where it can."""
    return F.coalesce(_again(parsed), inexact(parsed.text, parsed.written, parsed.kind))


def _again(parsed: Parsed) -> Column:
    """Which key the text's value has twice, in words; null where none."""
    return twice(F.get(parsed.alone, F.lit(0)), parsed.kind, parsed.options)


def flaw(parsed: Parsed, none: Column | None = None) -> Column:
    """Why a text isn't one object of the columns as which it was parsed; null where it is. `none`: the words for one
    that is no such at all."""
    assert isinstance(parsed.kind, T.StructType)
    text, columns = parsed.text, parsed.kind
    none = no_object(text, columns, parsed.options) if none is None else none
    half = text.contains("\\u") & text.rlike(r"(?<!\\)(?:\\\\)*" + HALF)
    first = _first(text, columns, parsed.options)
    more = first.isNotNull() & first[CORRUPT].isNull()
    no_record = F.when(more, F.lit("goes on after its first JSON value")).otherwise(none)
    return F.when(half, F.lit("holds half of a surrogate pair, which is no character")).otherwise(
        F.coalesce(_again(parsed), F.when(~whole(parsed), no_record).otherwise(
            F.coalesce(inexact(text, parsed.written, columns), lost_within(parsed, columns, parsed.options)))))


def no_object(text: Column, columns: T.StructType, options: Mapping[str, Any]) -> Column:
    """Why a text that isn't an object of these columns is none; with the first value that isn't of its type, where the
    columns are few. `options` are `own` ones."""
    shape = F.lit(f"is no {describe_record('json', columns)}")
    asked = [field for field in columns if not isinstance(field.dataType, T.StringType)]
    if not asked or len(asked) > MAX_CHECKED_COLUMNS:
        return shape

    def fails(name: str, kind: T.DataType) -> Column:
        return _first(text, T.StructType([T.StructField(name, kind)]), options)[CORRUPT].isNotNull()

    said = {field.name: f": no {field.dataType.simpleString().partition('<')[0]} in {field.name!r}" for field in asked}
    culprits = [F.when(fails(field.name, field.dataType), F.lit(said[field.name])) for field in asked]
    none = F.when(~fails(f"{_OURS}none", T.StringType()), F.coalesce(*culprits))
    return F.concat(shape, F.coalesce(none, F.lit("")))


def _first(text: Column, columns: T.StructType, options: Mapping[str, Any]) -> Column:
    """As Spark parses it: what follows the first value is ignored."""
    schema = T.StructType([*columns.fields, T.StructField(CORRUPT, T.StringType())])
    return F.from_json(text, schema, dict(options))


def own(options: Mapping[str, Any] | None) -> dict[str, Any]:
    """The options without those that are about files."""
    kept = {name: value for name, value in (options or {}).items() if name.lower() not in _OF_FILES}
    return {**kept, "columnNameOfCorruptRecord": CORRUPT}
