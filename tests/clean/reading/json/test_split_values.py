"""Splitting a JSON text into values, compared with Python's `json`."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from laketrain.clean.reading.json.split_values import ValueSplitter

SPACE = st.sampled_from(["", "\n", " \r\n\t"])
TEXT = st.text(st.sampled_from('{}[]",:\\/ \'é\U0001f600\u2028ab1'), max_size=8)
VALUES = st.recursive(st.none() | st.booleans() | st.integers() | TEXT,
                      lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
                      max_leaves=6)
OBJECTS = st.dictionaries(TEXT, VALUES, max_size=4)


def good(text: str, **syntax: bool) -> list[str]:
    return [piece.text for piece in ValueSplitter(**syntax).split(text) if piece.problem is None]


def bad(text: str) -> list[str]:
    return [piece.text for piece in ValueSplitter().split(text) if piece.problem is not None]


@given(st.lists(st.tuples(OBJECTS, st.sampled_from([None, 0, 2]), st.booleans(), SPACE)))
def test_every_value_is_split_off_whole_in_any_layout(
        values: list[tuple[dict[str, Any], int | None, bool, str]]) -> None:
    text = "".join(json.dumps(value, indent=indent, ensure_ascii=ascii_only) + space
                   for value, indent, ascii_only, space in values)
    assert [json.loads(value) for value in good(text)] == [value for value, *_ in values]
    assert bad(text) == []


@given(st.lists(VALUES, max_size=4), st.sampled_from([None, 0, 2]), st.lists(OBJECTS, max_size=2))
def test_an_array_becomes_its_elements_and_more_values_may_follow(
        elements: list[Any], indent: int | None, more: list[dict[str, Any]]) -> None:
    text = json.dumps(elements, indent=indent) + "".join(json.dumps(value) for value in more)
    assert [json.loads(value) for value in good(text)] == [*elements, *more]


@given(st.lists(OBJECTS, min_size=1, max_size=3), st.data())
def test_in_a_truncated_text_only_the_last_value_is_broken_and_its_text_is_kept(
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
def test_text_that_is_not_a_value_is_kept_and_does_not_affect_other_values(
        text: str, values: list[str], rest: list[str]) -> None:
    assert (good(text), bad(text)) == (values, rest)


def test_quotes_comments_and_line_breaks_follow_spark_s_options() -> None:
    assert good("{'a':'}'}{'b':1}") == ["{'a':'}'}", "{'b':1}"]
    assert good("// a {\n{'a':1 /* } */}\n# ", comments=True) == ["{'a':1 /* } */}"]
    assert good('{"a":"1\n2"} {"b":1}', line_breaks=True) == ['{"a":"1\n2"}', '{"b":1}']
