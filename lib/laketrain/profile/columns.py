"""The parts of each column that Spark sends to Python: only those that a profile needs, so huge texts stay in Spark.

    plans = plans_of(frame.schema)
    frame.select(*select_parts(plans))       # c0, h0, n0, w0, c1, …

Parts, each with the column's number: `c` the value or, of texts and files, its first characters or bytes; `h` its hash;
`n` its length; `w` its words; `d` a decimal as a double; `l` and `m` the minimum and maximum of an array's numbers.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pyspark.sql import Column
from pyspark.sql import functions as F
from pyspark.sql import types as T

from laketrain.profile.first_pass import DAY, HEADER_BYTES, LABEL, ColumnPlan
from laketrain.profile.model import Kind
from laketrain.profile.values import MAX_COUNTED
from laketrain.spark.frames import quoted

_MAX_COUNTED_IN_ALL = 100 * MAX_COUNTED
"""Distinct values that are counted exactly, over all columns."""
_MAX_TEXT = 20_000
"""Characters of a text up to which its words are counted."""


def plans_of(schema: T.StructType) -> list[ColumnPlan]:
    """Plans how to profile each column, by its type."""
    max_counted = min(max(MAX_COUNTED // 4, _MAX_COUNTED_IN_ALL // max(1, len(schema.fields))), 10 * MAX_COUNTED)
    return [ColumnPlan(number, field.name, field.dataType.simpleString(), _kind(field.dataType), _step(field.dataType),
                       _of_numbers(field.dataType), max_counted)
            for number, field in enumerate(schema.fields)]


def select_parts(plans: Sequence[ColumnPlan]) -> list[Column]:
    """The parts of all columns, as Spark columns."""
    return [column.alias(f"{letter}{plan.number}") for plan in plans for letter, column in _parts(plan)]


def _kind(kind: T.DataType) -> Kind:
    for types, name in _KINDS:
        if isinstance(kind, types):
            return name
    return "other"


def _step(kind: T.DataType) -> int:
    """The smallest difference of two values; 0 where there is none."""
    if isinstance(kind, T.DateType):
        return DAY
    return int(isinstance(kind, T.IntegralType) or (isinstance(kind, T.DecimalType) and kind.scale == 0))


def _of_numbers(kind: T.DataType) -> bool:
    return isinstance(kind, T.ArrayType) and isinstance(kind.elementType, T.NumericType)


def _parts(plan: ColumnPlan) -> Iterator[tuple[str, Column]]:
    column = F.col(quoted(plan.name))
    if plan.kind == "other":
        yield "c", F.when(column.isNotNull(), True)
        return
    if plan.kind == "text":
        yield "c", F.substring(column, 1, LABEL + 1)
        yield "n", F.length(column)
        # Counting the words of megabytes takes too long.
        yield "w", F.when(F.length(column) <= _MAX_TEXT, F.regexp_count(column, F.lit(r"\S+")))
    elif plan.kind == "time":
        yield "c", _micros(plan.type, column)
    elif plan.kind == "binary":
        yield "c", F.substring(column, 1, HEADER_BYTES)
        yield "n", F.octet_length(column)
    elif plan.kind == "array":
        yield "n", F.array_size(column)
        if plan.elements:
            yield "l", F.array_min(column).cast("double")
            yield "m", F.array_max(column).cast("double")
    else:
        yield "c", column
        if plan.type.startswith("decimal"):
            # Arrow's cast isn't correctly rounded.
            yield "d", column.cast("double")
    if "map<" not in plan.type:
        yield "h", F.when(column.isNotNull(), F.xxhash64(column))


def _micros(kind: str, column: Column) -> Column:
    """Microseconds since 1970, UTC."""
    if kind == "date":
        return F.unix_date(column).cast("long") * (DAY * 1_000_000)
    return F.unix_micros(column.cast("timestamp"))


_KINDS: tuple[tuple[tuple[type[T.DataType], ...], Kind], ...] = (
    ((T.NumericType,), "number"), ((T.StringType, T.CharType, T.VarcharType), "text"),
    ((T.DateType, T.TimestampType, T.TimestampNTZType), "time"), ((T.BooleanType,), "boolean"),
    ((T.BinaryType,), "binary"), ((T.ArrayType,), "array"))
