"""Which lines hold something beside one JSON object: held against Python's `json`, which stops at the first."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from laketrain.clean.reading.json.trailing_text import odd_and_blank

from .test_split_values import OBJECTS

LINES = st.one_of(
    OBJECTS.map(json.dumps),
    st.tuples(OBJECTS, st.sampled_from(["", " ", " \r", "x", "{", "}", "]", ",", ' "', "{}"])).map(
        lambda both: json.dumps(both[0], ensure_ascii=False) + both[1]),
    st.tuples(OBJECTS, OBJECTS).map(lambda both: json.dumps(both[0]) + json.dumps(both[1])),
    st.text(st.sampled_from('{}[]":,\\ a'), max_size=12),
)


def more_than_one_object(line: str) -> bool:
    """Whether a reader that stops behind the first value would lose something."""
    start = len(line) - len(line.lstrip(" \t\r\n"))
    try:
        value, end = json.JSONDecoder(strict=False).raw_decode(line, start)
    except ValueError:
        return False
    return not isinstance(value, dict) or bool(line[end:].strip(" \t\r\n"))


@given(st.lists(LINES, max_size=6), st.sampled_from(["\n", "\r\n"]))
def test_no_line_that_holds_more_than_one_object_passes(lines: list[str], end: str) -> None:
    odd, blank = odd_and_blank("".join(line + end for line in lines).encode())
    assert list(blank) == [not line.strip(" \t\r\n") for line in lines]
    assert all(flag for flag, line in zip(odd, lines, strict=True) if more_than_one_object(line))


@given(st.lists(st.tuples(OBJECTS, st.booleans()), max_size=6))
def test_lines_of_one_object_pass(values: list[tuple[dict[str, Any], bool]]) -> None:
    lines = [json.dumps(value, ensure_ascii=ascii_only).encode() for value, ascii_only in values]
    odd, _ = odd_and_blank(b"\n".join(lines))
    assert not odd.any()


@pytest.mark.parametrize("line", [b'{"a":"caf\xe9"}', b'{"a":"\xed\xa0\x80"}', b'{"a":"\\ud83d"}', b'{"a":"\\ude00x"}',
                                  b"{'a':'}'} {'a':2}", b'{"a":1}' + b" " * 100 + b"x"])
def test_what_spark_s_reader_would_change_or_lose_in_silence_is_odd(line: bytes) -> None:
    assert odd_and_blank(line)[0].all()
