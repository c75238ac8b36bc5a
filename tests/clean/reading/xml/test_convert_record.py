"""Elements as structs, arrays and maps, or refused."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

from .cases import cleaned, refusals

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def test_attributes_texts_structs_arrays_and_maps_are_fields(spark: SparkSession, tmp_path: Path):
    text = """<r><b k="07"><p u="EUR">1.10</p><a>1</a><a>2</a><m><x>1</x><y>2</y></m><s>x<i>y</i></s></b>
              <b k="8"><p>2</p><a>z</a><m/></b></r>"""
    schema = {"_k": "string", "p": "struct<_VALUE:decimal(5,2),_u:string>", "a": "array<int>", "m": "map<string,int>",
              "s": "string"}
    table = cleaned(spark, tmp_path, text, schema)
    assert table.rows == [{"_k": "07", "p": {"_VALUE": Decimal("1.10"), "_u": "EUR"}, "a": [1, 2],
                           "m": [("x", 1), ("y", 2)], "s": "x<i>y</i>"}]
    assert [reason for _, reason in refusals(table)] == ["has no int in 'a'"]
    inferred = cleaned(spark, tmp_path / "2", text)
    assert inferred.rows[0] == {"_k": "07", "a": ["1", "2"], "m": {"x": "1", "y": "2"},
                                "p": {"_VALUE": "1.10", "_u": "EUR"}, "s": {"_VALUE": "x", "i": "y"}}


def test_contents_that_do_not_fit_the_declared_type_are_not_dropped(spark: SparkSession, tmp_path: Path):
    table = cleaned(spark, tmp_path, "<r><b><id>1</id><id>2</id></b><b><id><x>3</x></id></b></r>", {"id": "int"})
    assert table.rows == []
    assert refusals(table) == [("<b><id>1</id><id>2</id></b>", "has 'id' 2 times, expected one int"),
                               ("<b><id><x>3</x></id></b>", "has the element 'x' in 'id', expected int")]
