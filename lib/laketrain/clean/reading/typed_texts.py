"""Converts columns whose leaves are texts, at any depth, to the declared types, and reports texts that don't fit.

    text_kind(T.ArrayType(T.IntegerType()))        # array<string>
    typed(F.col("a"), kind), unlike(F.col("a"), typed(F.col("a"), kind), kind)
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pyspark.sql import Column
from pyspark.sql import functions as F
from pyspark.sql import types as T

from laketrain.clean import lossless

Options = Mapping[str, Any]


def text_kind(kind: T.DataType) -> T.DataType:
    """The type with a text for each of its leaves."""
    if isinstance(kind, T.StructType):
        return T.StructType([T.StructField(field.name, text_kind(field.dataType)) for field in kind])
    if isinstance(kind, T.ArrayType):
        return T.ArrayType(text_kind(kind.elementType))
    if isinstance(kind, T.MapType):
        return T.MapType(T.StringType(), text_kind(kind.valueType))
    return T.StringType()


def typed(texts: Column, kind: T.DataType, options: Options) -> Column:
    """The texts as values; null for texts that can't be parsed."""
    if _is_text(kind):
        return texts
    if isinstance(kind, T.StructType):
        fields = [typed(texts[field.name], field.dataType, options).alias(field.name) for field in kind]
        return F.when(texts.isNotNull(), F.struct(*fields))
    if isinstance(kind, T.ArrayType):
        inner = kind.elementType
        return F.transform(texts, lambda text: typed(text, inner, options))
    if isinstance(kind, T.MapType):
        inner = kind.valueType
        return F.transform_values(texts, lambda _, text: typed(text, inner, options))
    if isinstance(kind, lossless.LOSSY):
        return lossless.parse(texts, kind, options)
    return texts.try_cast(kind)


def unlike(texts: Column, values: Column, kind: T.DataType, options: Options) -> Column | None:
    """Why the values differ from the texts; null if they don't, None if they never do."""
    if _is_text(kind):
        return None
    if isinstance(kind, T.StructType):
        problems = [unlike(texts[field.name], values[field.name], field.dataType, options) for field in kind]
        return F.coalesce(*(problem for problem in problems if problem is not None))
    if isinstance(kind, T.MapType):
        return unlike(F.map_values(texts), F.map_values(values), T.ArrayType(kind.valueType), options)
    if isinstance(kind, T.ArrayType):
        inner = kind.elementType

        def element(text: Column, value: Column) -> Column:
            problem = unlike(text, value, inner, options)
            assert problem is not None
            return problem

        return F.get(F.array_compact(F.zip_with(texts, values, element)), F.lit(0))
    if isinstance(kind, lossless.LOSSY):
        return lossless.parse_problem(texts, values, kind, options)
    return F.when(texts.isNotNull() & values.isNull(), F.lit(f"no {kind.simpleString()}"))


def _is_text(kind: T.DataType) -> bool:
    """Whether all leaves of the type are texts."""
    return text_kind(kind) == kind
