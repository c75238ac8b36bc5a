"""Where the values of a JSON text end: held against Python's `json`, which parses them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from laketrain.clean.reading.json.split_values import Scan

SPACE = st.sampled_from(["", "\n", " \r\n\t"])
TEXT = st.text(st.sampled_from('{}[]",:\\/ \'é\U0001f600\u2028ab1'), max_size=8)
VALUES = st.recursive(st.none() | st.booleans() | st.integers() | TEXT,
                      lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
                      max_leaves=6)
OBJECTS = st.dictionaries(TEXT, VALUES, max_size=4)


def good(text: str, **syntax: bool) -> list[str]:
    return [piece.text for piece in Scan(**syntax).pieces(text) if piece.problem is None]


def bad(text: str) -> list[str]:
    return [piece.text for piece in Scan().pieces(text) if piece.problem is not None]


@given(st.lists(st.tuples(OBJECTS, st.sampled_from([None, 0, 2]), st.booleans(), SPACE)))
def test_every_value_is_found_whole_however_it_is_written(
        values: list[tuple[dict[str, Any], int | None, bool, str]]) -> None:
    text = "".join(json.dumps(value, indent=indent, ensure_ascii=ascii_only) + space
                   for value, indent, ascii_only, space in values)
    assert [json.loads(found) for found in good(text)] == [value for value, *_ in values]
    assert bad(text) == []


@given(st.lists(VALUES, max_size=4), st.sampled_from([None, 0, 2]), st.lists(OBJECTS, max_size=2))
def test_an_array_is_its_elements_and_is_followed_by_further_values(
        elements: list[Any], indent: int | None, more: list[dict[str, Any]]) -> None:
    text = json.dumps(elements, indent=indent) + "".join(json.dumps(value) for value in more)
    assert [json.loads(found) for found in good(text)] == [*elements, *more]


@given(st.lists(OBJECTS, min_size=1, max_size=3), st.data())
def test_a_text_that_is_cut_off_loses_its_last_value_alone_and_keeps_its_text(
        values: list[dict[str, Any]], data: st.DataObject) -> None:
    texts = [json.dumps(value) for value in values]
    cut = texts[-1][:data.draw(st.integers(1, len(texts[-1]) - 1))]
    text = "\n".join([*texts[:-1], cut])
    assert good(text) == texts[:-1]
    assert bad(text) == [cut.strip()]


@pytest.mark.parametrize(("text", "values", "rest"), [
    ('{"id":1} xyz {"id":2}', ['{"id":1}', '{"id":2}'], ["xyz"]),
    ('{"id":1},{"id":2}', ['{"id":1}', '{"id":2}'], [","]),
    ('{"id":1}}\n{"id":2}', ['{"id":1}', '{"id":2}'], ["}"]),
    ('[{"id":1},]{"id":2}', ['{"id":1}', '{"id":2}'], ["]"]),
    ('[{"id":1},{"id":2', ['{"id":1}'], ['{"id":2']),
    ('"a {\\"id\\":1}" 7 {"id":2}', ['{"id":2}'], ['"a {\\"id\\":1}" 7']),
    ('{"t":"open}\n{"id":2}\n{"id":3}', ['{"id":2}', '{"id":3}'], ['{"t":"open}']),
    ('[\n {"t":"open},\n {"id":2}\n]\n{"id":3}', ['{"id":2}', '{"id":3}'], ['{"t":"open}']),
    ('{"a":[1}\n{"id":2}', ['{"id":2}'], ['{"a":[1}']),
    ('{"a":"x,\n "b":\n {"id":2}', [], ['{"a":"x,\n "b":\n {"id":2}']),
])
def test_what_is_no_value_takes_none_with_it_and_keeps_its_text(text: str, values: list[str], rest: list[str]) -> None:
    assert (good(text), bad(text)) == (values, rest)


def test_quotes_comments_and_breaks_are_read_as_spark_s_options_say() -> None:
    assert good("{'a':'}'}{'b':1}") == ["{'a':'}'}", "{'b':1}"]
    assert good("// a {\n{'a':1 /* } */}\n# ", comments=True) == ["{'a':1 /* } */}"]
    assert good('{"a":"1\n2"} {"b":1}', breaks=True) == ['{"a":"1\n2"}', '{"b":1}']
