"""The rows, schema and damage of an Avro file, read without Spark."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from laketrain.clean.reading.avro import ignored_types, read_blocks

from .avro_builder import avro, schema

LONG = schema(id="long")


@given(st.lists(st.integers(-(2**63), 2**63 - 1)), st.integers(1, 5))
def test_the_rows_of_all_blocks_are_counted(values: list[int], block: int):
    text, rows = read_blocks(io.BytesIO(avro(LONG, [[value] for value in values], block)))
    assert (json.loads(text), rows) == (LONG, len(values))


@given(st.data())
def test_a_file_that_ends_within_a_block_is_reported(data: st.DataObject):
    whole = avro(LONG, [[number] for number in range(20)], 5)
    ends = {len(avro(LONG, [[number] for number in range(count)], 5)) for count in range(0, 21, 5)}
    cut = data.draw(st.integers(0, len(whole) - 1).filter(lambda end: end not in ends))
    with pytest.raises((EOFError, ValueError)):
        read_blocks(io.BytesIO(whole[:cut]))


def test_a_sync_marker_of_another_file_is_reported():
    whole = avro(LONG, [[1], [2]], 1)
    with pytest.raises(ValueError, match="the block after 1 rows doesn't end with its sync marker"):
        read_blocks(io.BytesIO(whole[:-1] + b"?"))


@pytest.mark.parametrize("kind", [
    {"type": "long", "logicalType": "timestamp-nanos"}, ["null", {"type": "int", "logicalType": "time-millis"}],
    {"type": "array", "items": {"type": "long", "logicalType": "time-micros"}},
    {"type": "record", "name": "s", "fields": [
        {"name": "d", "type": {"type": "fixed", "name": "d", "size": 12, "logicalType": "duration"}}]},
])
def test_columns_whose_logical_type_spark_ignores_are_detected_at_any_depth(kind: Any):
    assert list(ignored_types(json.dumps(schema(id="long", x=kind)))) == ["x"]
    assert ignored_types(json.dumps(schema(id={"type": "long", "logicalType": "timestamp-micros"}))) == {}
