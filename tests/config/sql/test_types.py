from __future__ import annotations

import pytest
from pydantic import TypeAdapter, ValidationError

from laketrain.config.sql.types import SparkType

TYPE = TypeAdapter(SparkType)
GOOD = [
    "string", "int", "BIGINT", "integer", "long", "double", "boolean", "timestamp", "timestamp_ntz", "date", "binary",
    "decimal", "decimal(10)", "decimal(10, 2)", "array<int>", "array<array<double>>",
    "map<string, array<int>>", "struct<a: int, b: struct<c: decimal(4,1)>>", "array<struct<x: double, y: double>>",
]


@pytest.mark.parametrize("text", GOOD)
def test_a_type_of_spark_is_accepted_unchanged(text: str):
    assert TYPE.validate_python(text) == text


def test_spark_knows_them_too(spark: object):
    from pyspark.sql.types import StructType

    assert all(len(StructType.fromDDL(f"x {text}")) == 1 for text in GOOD)


@pytest.mark.parametrize(("text", "received", "near"), [
    ("inte", "'inte'", "'int'"), ("strin", "'strin'", "'string'"), ("array<inte>", "'inte' in 'array<inte>'", "'int'"),
    ("map<string>", "'map<string>'", ""), ("array<int", "'array<int'", ""), ("decimal(x)", "'decimal(x)'", ""),
    ("struct<a int>", "''", ""), ("", "''", "Accepted: array<…>"), ("varchar", "'varchar'", "Write string"),
    ("array<char(3)>", "'char(3)' in 'array<char(3)>'", "the rule length"),
    ("int)", "'int)'", "'int'"),
])
def test_another_is_answered_with_what_is_wrong_in_it(text: str, received: str, near: str):
    with pytest.raises(ValidationError) as caught:
        TYPE.validate_python(text)
    problem, hint = caught.value.errors()[0]["ctx"]["error"].args
    assert problem.startswith(f"received {received}")
    assert near in hint
