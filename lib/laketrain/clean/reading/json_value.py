"""A column of JSON texts parsed by Spark, each one value and nothing more.

    value = parsed(F.col("text"), columns, options)
    frame.select(value[VALUE], flaw(F.col("text"), value, columns, options))

Spark's `from_json` takes the first value of a text and is silent about what follows. So each text is parsed as the
first member of an object that has another one behind it, and as the only element of an array. What may follow a value
in one of them, such as `,"x":1` or `]`, breaks the other.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pyspark.sql import Column
from pyspark.sql import functions as F
from pyspark.sql import types as T

from laketrain.clean.reading.base import CORRUPT, shape_of
from laketrain.clean.reading.json_losses import lost_within
from laketrain.clean.reading.json_tails import HALF

_OURS = "_laketrain_"
VALUE, _END = f"{_OURS}value", f"{_OURS}end"
"""The members of the object in which a text is parsed; a text that names one itself isn't taken."""
_OF_FILES = ("mode", "columnnameofcorruptrecord", "multiline", "encoding", "charset", "linesep", "samplingratio")


def parsed(text: Column, kind: T.DataType, options: Mapping[str, Any] | None = None) -> Column:
    """A struct with the text's VALUE as `kind`. `options` are those of Spark's reader; what is about files is left
    out."""
    wrapper = T.StructType([T.StructField(VALUE, kind), T.StructField(_END, T.IntegerType()),
                            T.StructField(CORRUPT, T.StringType())])
    # The line break ends a comment, where those are allowed.
    wrapped = F.concat(F.lit(f'{{"{VALUE}":'), text, F.lit(f'\n,"{_END}":1}}'))
    return F.from_json(wrapped, wrapper, own(options))


def whole(text: Column, value: Column, options: Mapping[str, Any] | None = None) -> Column:
    """Whether `value`, as `parsed` gave it of `text`, is all that the text holds, in its types."""
    forged = text.contains(f'"{_OURS}')
    elements = F.from_json(F.concat(F.lit("["), text, F.lit("\n]")), T.ArrayType(T.StringType()), own(options))
    good = value[VALUE].isNotNull() & value[CORRUPT].isNull() & (value[_END] == 1) & ~forged & (F.size(elements) == 1)
    return F.coalesce(good, F.lit(False))


def flaw(text: Column, value: Column, columns: T.StructType, options: Mapping[str, Any] | None = None,
         none: Column | None = None) -> Column:
    """Why a text isn't one object of these columns; null where it is. `none`: the words for one that is no such at
    all."""
    none = F.lit(f"is no {shape_of('json', columns)}") if none is None else none
    half = text.contains("\\u") & text.rlike(r"(?<!\\)(?:\\\\)*" + HALF)
    first = _first(text, columns, options)
    more = first.isNotNull() & first[CORRUPT].isNull()
    return F.when(half, F.lit("holds half of a surrogate pair, which is no character")).when(
        ~whole(text, value, options), F.when(more, F.lit("goes on after its first JSON value")).otherwise(
            none)).otherwise(
            lost_within(text, value[VALUE], columns, own(options)))


def _first(text: Column, columns: T.StructType, options: Mapping[str, Any] | None) -> Column:
    """As Spark parses it: what follows the first value is ignored."""
    schema = T.StructType([*columns.fields, T.StructField(CORRUPT, T.StringType())])
    return F.from_json(text, schema, own(options))


def own(options: Mapping[str, Any] | None) -> dict[str, Any]:
    """The options without those that are about files."""
    kept = {name: value for name, value in (options or {}).items() if name.lower() not in _OF_FILES}
    return {**kept, "columnNameOfCorruptRecord": CORRUPT}
