"""Finding lines with more than one JSON object, compared with Python's `json`, which stops after the first."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from laketrain.clean.reading.json.trailing_text import classify_lines

from .test_split_values import OBJECTS

LINES = st.one_of(
    OBJECTS.map(json.dumps),
    st.tuples(OBJECTS, st.sampled_from(["", " ", " \r", "x", "{", "}", "]", ",", ' "', "{}"])).map(
        lambda both: json.dumps(both[0], ensure_ascii=False) + both[1]),
    st.tuples(OBJECTS, OBJECTS).map(lambda both: json.dumps(both[0]) + json.dumps(both[1])),
    st.text(st.sampled_from('{}[]":,\\ a'), max_size=12),
)


def more_than_one_object(line: str) -> bool:
    """Whether a reader that stops after the first value would lose something."""
    start = len(line) - len(line.lstrip(" \t\r\n"))
    try:
        value, end = json.JSONDecoder(strict=False).raw_decode(line, start)
    except ValueError:
        return False
    return not isinstance(value, dict) or bool(line[end:].strip(" \t\r\n"))


@given(st.lists(LINES, max_size=6), st.sampled_from(["\n", "\r\n"]))
def test_every_line_with_more_than_one_object_is_suspect(lines: list[str], end: str) -> None:
    suspect, blank = classify_lines("".join(line + end for line in lines).encode())
    assert list(blank) == [not line.strip(" \t\r\n") for line in lines]
    assert all(flag for flag, line in zip(suspect, lines, strict=True) if more_than_one_object(line))


@given(st.lists(st.tuples(OBJECTS, st.booleans()), max_size=6))
def test_lines_of_one_object_are_not_suspect(values: list[tuple[dict[str, Any], bool]]) -> None:
    lines = [json.dumps(value, ensure_ascii=ascii_only).encode() for value, ascii_only in values]
    suspect, _ = classify_lines(b"\n".join(lines))
    assert not suspect.any()


@pytest.mark.parametrize("line", [b'{"a":"caf\xe9"}', b'{"a":"\xed\xa0\x80"}', b'{"a":"\\ud83d"}', b'{"a":"\\ude00x"}',
                                  b"{'a':'}'} {'a':2}", b'{"a":1}' + b" " * 100 + b"x"])
def test_lines_that_spark_s_reader_would_silently_change_are_suspect(line: bytes) -> None:
    assert classify_lines(line)[0].all()
