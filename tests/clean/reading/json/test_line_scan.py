"""The scan of JSON lines, compared with Python's `json` and Spark's inference."""

from __future__ import annotations

import io
import json
from itertools import pairwise
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyspark.sql import types as T

from laketrain.clean.reading.json import line_scan
from laketrain.clean.reading.json.line_scan import line_blocks, scan_block
from laketrain.clean.reading.json.loss_scan import arrow_schema
from laketrain.clean.reading.ranges import Range

from .test_split_values import OBJECTS
from .test_trailing_text import LINES, more_than_one_object

if TYPE_CHECKING:
    pass

NONE, MONEY = T.StructType([]), T.DecimalType(10, 2)


def scan(lines: bytes, **kinds: T.DataType) -> line_scan.LineScan:
    columns = T.StructType([T.StructField(name, kind) for name, kind in kinds.items()])
    return scan_block(lines, columns, arrow_schema(columns))


@given(st.lists(st.binary(max_size=9).map(lambda line: line.replace(b"\n", b"")), max_size=8),
       st.lists(st.integers(0, 60), max_size=3), st.sampled_from([b"", b"\n"]), st.integers(1, 7))
def test_each_line_is_in_the_range_in_which_it_starts(
        lines: list[bytes], cuts: list[int], end: bytes, block: int) -> None:
    data = b"\n".join(lines) + end
    bounds = sorted({0, len(data), *(cut for cut in cuts if cut < len(data))})
    begins = [0, *(index + 1 for index, byte in enumerate(data) if byte == ord("\n")), len(data)]
    with patch.object(line_scan, "BLOCK", block):
        for start, stop in pairwise(bounds):
            blocks = list(line_blocks(io.BytesIO(data), Range("a.json", "a.json", start, stop, False)))
            first, after = (min(begin for begin in begins if begin >= bound) for bound in (start, stop))
            assert b"".join(blocks) == data[first:after]
            assert all(lines.endswith(b"\n") for lines in blocks[:-1])


@given(st.lists(LINES, max_size=6))
def test_lines_of_which_spark_would_lose_something_are_not_safe(lines: list[str]) -> None:
    result = scan("".join(line + "\n" for line in lines).encode())
    assert result.rows == sum(bool(line.strip(" \t\r\n")) for line in lines)
    assert not (result.spark_safe and any(more_than_one_object(line) for line in lines))


@given(st.lists(OBJECTS, min_size=1, max_size=6))
def test_lines_of_one_object_are_safe_and_their_columns_are_known(values: list[dict[str, Any]]) -> None:
    result = scan("\n".join(json.dumps(value) for value in values).encode())
    assert (result.spark_safe, result.rows) == (True, len(values))
    # If a key has two types, Spark infers the columns.
    assert result.columns is None or set(result.columns.names) == {name for value in values for name in value}


@pytest.mark.parametrize(("line", "kind", "safe"), [
    ('{"x":1.01}', MONEY, True), ('{"x":1.005}', MONEY, False),
    ('{"x":[{"y":1.005}]}', T.ArrayType(T.StructType([T.StructField("y", MONEY)])), False),
    ('{"x":[{"y":1.005}]}', T.ArrayType(T.StructType([])), True),
    ('{"x":"2026-03-09T12:00:00.123456Z"}', T.TimestampType(), True),
    ('{"x":"2026-03-09T12:00:00.1234567Z"}', T.TimestampType(), False), ('{"x":"12:30"}', T.TimestampType(), False),
    ('{"x":"2026-03-09"}', T.DateType(), True), ('{"x":"2026-03-09 12:30"}', T.DateType(), False),
    ('{"x":1e308}', T.DoubleType(), True), ('{"x":1e309}', T.DoubleType(), False), ('{"x":1e39}', T.FloatType(), False),
    ('{"x":1e39}', T.DoubleType(), True), ('{"x":{"a":1e400}}', T.MapType(T.StringType(), T.DoubleType()), False),
    ('{"x":{"a":0.5}}', T.MapType(T.StringType(), T.DoubleType()), True), ('{"x":1e400,}', T.DoubleType(), False),
    ('{broken', T.DoubleType(), True), ('{"x":1}\r{"x":2}', T.IntegerType(), False),
    ('{"x":"\\ud800"}', T.StringType(), False),
    ('{"a":' + "[" * 100_000 + "]" * 100_000 + "}", T.IntegerType(), True),
])
def test_a_line_is_safe_if_spark_reads_it_whole_and_exactly(line: str, kind: T.DataType, safe: bool) -> None:
    assert scan(line.encode(), x=kind).spark_safe is safe


def test_a_declared_column_that_no_record_has_is_not_among_their_columns() -> None:
    columns = scan(b'{"id":1}\n{"id":2,"y":null}\n', x=MONEY, y=T.DateType()).columns
    assert columns is not None and columns.names == ["id", "y"]


def test_too_many_keys_are_left_to_spark_but_the_lines_are_still_checked() -> None:
    lines = "".join(json.dumps({f"key{number}": number}) + "\n" for number in range(3000)).encode()
    assert scan(lines) == line_scan.LineScan(True, 3000, None)
    assert not scan(lines + b'{"a":1}{"b":2}\n').spark_safe


