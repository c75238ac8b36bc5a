"""What lines of JSON are like: held against Python's `json`, and against Spark's own inference."""

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

from laketrain.clean.reading import json_look
from laketrain.clean.reading.json_keys import merged, named
from laketrain.clean.reading.json_look import judged, line_blocks
from laketrain.clean.reading.json_suspects import wanted_columns
from laketrain.clean.reading.ranges import Range

from .test_json_scan import OBJECTS
from .test_json_tails import LINES, more_than_one_object

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

NONE, MONEY = T.StructType([]), T.DecimalType(10, 2)


def look(lines: bytes, **kinds: T.DataType) -> json_look.Look:
    columns = T.StructType([T.StructField(name, kind) for name, kind in kinds.items()])
    return judged(lines, columns, wanted_columns(columns))


@given(st.lists(st.binary(max_size=9).map(lambda line: line.replace(b"\n", b"")), max_size=8),
       st.lists(st.integers(0, 60), max_size=3), st.sampled_from([b"", b"\n"]), st.integers(1, 7))
def test_each_line_is_in_the_one_range_in_which_it_begins(
        lines: list[bytes], cuts: list[int], end: bytes, block: int) -> None:
    data = b"\n".join(lines) + end
    bounds = sorted({0, len(data), *(cut for cut in cuts if cut < len(data))})
    begins = [0, *(place + 1 for place, byte in enumerate(data) if byte == ord("\n")), len(data)]
    with patch.object(json_look, "BLOCK", block):
        for start, stop in pairwise(bounds):
            blocks = list(line_blocks(io.BytesIO(data), Range("a.json", "a.json", start, stop, False)))
            first, after = (min(place for place in begins if place >= bound) for bound in (start, stop))
            assert b"".join(blocks) == data[first:after]
            assert all(one.endswith(b"\n") for one in blocks[:-1])


@given(st.lists(LINES, max_size=6))
def test_no_lines_are_plain_of_which_spark_would_lose_something(lines: list[str]) -> None:
    found = look("".join(line + "\n" for line in lines).encode())
    assert found.rows == sum(bool(line.strip(" \t\r\n")) for line in lines)
    assert not (found.plain and any(more_than_one_object(line) for line in lines))


@given(st.lists(OBJECTS, min_size=1, max_size=6))
def test_lines_of_one_object_are_plain_and_their_keys_are_known(values: list[dict[str, Any]]) -> None:
    found = look("\n".join(json.dumps(value) for value in values).encode())
    assert (found.plain, found.rows) == (True, len(values))
    # A key of two types is for Spark to judge.
    assert found.keys is None or {field.name for field in found.keys} == {name for value in values for name in value}


@pytest.mark.parametrize(("line", "kind", "plain"), [
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
def test_a_line_is_plain_where_spark_reads_it_whole_and_exactly(line: str, kind: T.DataType, plain: bool) -> None:
    assert look(line.encode(), x=kind).plain is plain


def test_a_declared_key_that_no_record_has_is_none_of_theirs() -> None:
    keys = look(b'{"id":1}\n{"id":2,"y":null}\n', x=MONEY, y=T.DateType()).keys
    assert keys is not None and keys.names == ["id", "y"]


def test_keys_without_end_are_left_to_spark_and_the_lines_judged_all_the_same() -> None:
    lines = "".join(json.dumps({f"key{number}": number}) + "\n" for number in range(3000)).encode()
    assert look(lines) == json_look.Look(True, 3000, None)
    assert not look(lines + b'{"a":1}{"b":2}\n').plain


@pytest.mark.slow
def test_keys_are_named_as_spark_s_inference_names_them(spark: SparkSession) -> None:
    blocks = ['{"b":1,"a":{"x":[],"y":{}},"n":null}\n{"b":2.5,"deep":[{"p":null},{"q":[1]}],"e":{}}\n',
              '{"a":{"z":true},"n":"x","only":null,"when":"2026-03-09","list":[null],"l2":[[1],[]]}\n']
    looks = [look(block.encode()) for block in blocks]
    found = named(merged([one.keys for one in looks]) or NONE)
    lines = spark.sparkContext.parallelize([line for block in blocks for line in block.splitlines()])
    assert found == spark.read.options(primitivesAsString=True).json(lines).schema
