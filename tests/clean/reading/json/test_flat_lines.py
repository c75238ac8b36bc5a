"""Flat JSON lines with the same keys, compared with Python's `json` line by line."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyspark.sql import types as T

from laketrain.clean.reading.json.flat_lines import match_flat_lines

from .test_trailing_text import LINES, more_than_one_object

NONE = T.StructType([])
TEXT = st.text(st.sampled_from("{}[]\",:\\/ 'é\U0001f600e1."), max_size=12)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | TEXT


@given(st.lists(st.text(st.sampled_from("ab e\":'\\éx0"), max_size=20), min_size=1, max_size=5, unique=True), st.data(),
       st.sampled_from([(",", ":"), (", ", ": ")]), st.booleans())
def test_keys_and_rows_are_those_of_the_lines_and_values_are_not_mistaken_for_keys(
        names: list[str], data: st.DataObject, separators: tuple[str, str], ascii_only: bool) -> None:
    rows = data.draw(st.lists(st.tuples(*(SCALARS for _ in names)), min_size=1, max_size=5))
    lines = "".join(json.dumps(dict(zip(names, row, strict=True)), separators=separators, ensure_ascii=ascii_only)
                    + "\n" for row in rows)
    flat = match_flat_lines(lines.encode(), NONE)
    assert flat is None or (flat.rows, list(flat.names)) == (len(rows), names)


@given(st.lists(LINES, min_size=1, max_size=4))
def test_other_lines_do_not_match(lines: list[str]) -> None:
    flat = match_flat_lines("".join(line + "\n" for line in lines).encode(), NONE)
    if flat is None:
        return
    assert flat.rows == len(lines)
    for line in lines:
        assert not more_than_one_object(line)
        value = parsed(line)
        assert value is None or list(value) == list(flat.names)


def parsed(line: str) -> Any:
    try:
        return json.loads(line)
    except ValueError:
        return None


ROW = '{"id":1,"text":"a: \\"b\\", c","x":0.5}\n'


@pytest.mark.parametrize(("lines", "flat"), [
    (ROW * 3, True), (ROW + '{"id":2,"x":0.5,"text":""}\n', False), (ROW + '{"id":2,"text":""}\n', False),
    (ROW + '{"id":2,"téxt":"","x":1}\n', False), (ROW + '{"id":2,"text":"","x":1,"x":2}\n', False),
    (ROW + '{"id":2,"text":"","y":1}\n', False), (ROW + "{\"id\":2,\"text\":\"\",\"x\":1,'y':2}\n", False),
    (ROW + '{"id":2,"text":"","x":1,"y" :2}\n', False), (ROW + '{"id":2,"text":"\\":","x":1}\n', False),
    (ROW + '{"id":2,"text":"}","x":1}\n', False), (ROW + '{"id":2,"text":{},"x":1}\n', False),
    (ROW + '{"id":2,"text":"","x":[1]}\n', False), (ROW + "\n" + ROW, False), (ROW + ROW.strip(), False),
    (ROW + '{"id":2,"text":"\\ud83d","x":1}\n', False), ("{}\n", False),
])
def test_lines_with_one_that_differs_do_not_match(lines: str, flat: bool) -> None:
    assert (match_flat_lines(lines.encode(), NONE) is not None) is flat


@given(st.sampled_from(["1", "0.5", "-12345678.25", "null", "NaN", '"Infinity"', "1" * 23]),
       st.sampled_from(["1e400", "1E400", "123456789.5e99", "1" * 25, "1234567e8"]), st.booleans(), st.integers(0, 40))
def test_lines_with_a_number_that_may_be_out_of_range_do_not_match(
        fine: str, large: str, last: bool, padding: int) -> None:
    def lines(value: str) -> bytes:
        pairs = [f'"t":"{"e" * padding}"', f'"x":{value}']
        return "".join("{" + ",".join(pairs if last else pairs[::-1]) + "}\n" for _ in range(2)).encode()

    columns = T.StructType([T.StructField("x", T.DoubleType()), T.StructField("t", T.StringType())])
    assert match_flat_lines(lines(fine), columns) is not None
    assert match_flat_lines(lines(large), columns) is None
    assert match_flat_lines(lines(large), NONE) is not None


@pytest.mark.parametrize("kind", [T.DecimalType(10, 2), T.DateType(), T.TimestampType(), T.ArrayType(T.LongType())])
def test_lines_with_a_column_whose_values_must_be_checked_do_not_match(kind: T.DataType) -> None:
    assert match_flat_lines(ROW.encode(), T.StructType([T.StructField("x", kind)])) is None
    assert match_flat_lines(ROW.encode(), T.StructType([T.StructField("y", kind)])) is not None
