"""Numbers in string columns, compared with the digits in the text."""

from __future__ import annotations

import json
import random
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from pyspark.sql import types as T

from .cases import WAYS, by_id, read
from .test_line_scan import scan

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def literals(dice: random.Random) -> list[str]:
    """Numbers as programs write them, mostly in another form than Java's."""
    numbers = ["1.10", "12345678901234567.89", "1E5", "1e400", "-1.50e-3", "100.0", "0.1", "0.0001", "1e-7",
               "12345678.5", "-0", "-0.0", "0.30000000000000004", "123456789012345678901234567890", "7", "-12.50"]
    for _ in range(200):
        whole, part = str(dice.randrange(10 ** dice.randrange(1, 12))), str(dice.randrange(10 ** dice.randrange(1, 9)))
        numbers.append(dice.choice(["", "-"]) + f"{whole}.{part}" + dice.choice(["", "", "0", "e2", "E-3", "e+10"]))
    return numbers


@pytest.mark.slow
@pytest.mark.parametrize(("multiline", "more"), WAYS)
def test_a_number_in_a_string_column_keeps_its_digits(
        spark: SparkSession, tmp_path: Path, multiline: bool, more: str) -> None:
    numbers = literals(random.Random(11))
    texts = ['a \\"b\\": 1.10, [2.50]', "it's 1.10", "\\\\", "\\u00e9 // 1e5"]
    finite = [number if abs(float(number)) < 1e300 else "1" for number in numbers]
    lines = [f'{{"id":"{index}", "v": {number}, "t":"{texts[index % 4]}","x":{finite[index]}}}'
             for index, number in enumerate(numbers)]
    columns = {"id": "string", "v": "string", "t": "string", "x": "double"}
    table = read(spark, tmp_path, lines, multiline, more, columns)
    assert by_id(table, "v") == {str(index): number for index, number in enumerate(numbers)}
    rows = {row["id"]: row for row in map(json.loads, lines)}
    assert by_id(table, "t") == {name: row["t"] for name, row in rows.items()}
    assert by_id(table, "x") == {name: float(row["x"]) for name, row in rows.items()}


@pytest.mark.slow
def test_spark_s_reader_keeps_the_digits_of_numbers(spark: SparkSession, tmp_path: Path) -> None:
    numbers = literals(random.Random(12))
    lines = [f'{{"id":"{index}","v":{number}}}' for index, number in enumerate(numbers)]
    assert scan("\n".join(lines).encode(), id=T.StringType(), v=T.StringType()).spark_safe
    table = read(spark, tmp_path, lines, False, "", {"id": "string", "v": "string"})
    assert by_id(table, "v") == {str(index): number for index, number in enumerate(numbers)}


@pytest.mark.slow
@pytest.mark.parametrize(("multiline", "more"), WAYS)
def test_numbers_within_values_that_are_read_as_strings_keep_their_digits(
        spark: SparkSession, tmp_path: Path, multiline: bool, more: str) -> None:
    columns = {"id": "string", "v": "string", "l": "array<string>", "m": "map<string,struct<t:string,n:double>>"}
    lines = ['{"id":"1","v":{"a":[1.10,{"b":"2.50"}],"c":1e400},"l":[1.10,null,"1.50"],"m":{"k":{"t":1.10,"n":1.10}}}',
             '{"id":"2","v":[12345678901234567.89],"l":null,"m":{"k":null}}', '{"id":"3","v":null,"l":[0.10]}']
    table = read(spark, tmp_path, lines, multiline, more, columns)
    whole = {name: json.loads(text, parse_float=Decimal) if text else None for name, text in by_id(table, "v").items()}
    assert whole == {"1": {"a": [Decimal("1.10"), {"b": "2.50"}], "c": Decimal("1e400")},
                     "2": [Decimal("12345678901234567.89")], "3": None}
    assert by_id(table, "l") == {"1": ["1.10", None, "1.50"], "2": None, "3": ["0.10"]}
    assert by_id(table, "m") == {"1": [("k", {"t": "1.10", "n": 1.1})], "2": [("k", None)], "3": None}


@pytest.mark.slow
def test_a_text_that_contains_the_mark_is_refused_if_it_would_be_ambiguous(spark: SparkSession, tmp_path: Path) -> None:
    lines = ['{"id":"1","v":"\ufdd0x","n":1.5}', '{"id":"2","v":"\\uFDD0x","n":1.50}', '{"id":"3","v":"x","n":1.50}']
    table = read(spark, tmp_path, lines, True, "", {"id": "string", "v": "string", "n": "double"})
    assert by_id(table, "v") == {"1": "\ufdd0x", "3": "x"}
    [row] = table.refused
    assert row["reason"] == "contains a number whose digits can't be kept; put it in quotes"
