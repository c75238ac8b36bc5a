"""XML records: in any text, each character of a record is returned once, in a record or with a problem."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from laketrain.clean.reading.xml.options import XmlOptions
from laketrain.clean.reading.xml.split_records import FileRefused, RecordSplitter

GOOD = st.sampled_from(["<b/>", "<b></b>", "<b k='>'><i>1</i></b>", "<b>ü<![CDATA[<b>]]></b>", "<b><b/>x</b>", "\n ",
                        "<c/>", "<!-- <b> -->", "<b><i>2</i>\n</b >"])
BAD = st.sampled_from(["<b>", "</b>", "<b", "&", "<i>", "</r>", "<b k=1>2</b>", "<b>a & b</b>", "<b><i></b>", "]]>",
                       "<"])


def split(text: str, size: int = 1 << 20, options: XmlOptions | None = None) -> list[tuple[str, str | None]]:
    """The pieces' texts and problems."""
    data = text.encode("utf-8", "surrogatepass")
    chunks = (data[start:start + size] for start in range(0, len(data), size))
    pieces = RecordSplitter(options or XmlOptions("b")).split(chunks)
    return [(piece.raw.decode("utf-8", "surrogatepass"), piece.problem) for piece in pieces]


def texts(text: str) -> tuple[list[str], list[str]]:
    """The texts of records, and of other pieces."""
    pieces = split(text)
    return [piece for piece, problem in pieces if problem is None], [piece for piece, problem in pieces if problem]


@given(st.lists(GOOD), st.integers(1, 9))
def test_each_record_is_returned_unchanged_for_any_chunk_size(parts: list[str], size: int):
    pieces = split(f"<r>{''.join(parts)}</r>", size)
    assert pieces == [(part, None) for part in parts if part.startswith("<b")]


@given(st.lists(GOOD | BAD))
def test_no_record_is_lost_or_repeated_in_broken_text(parts: list[str]):
    numbered = [part.replace("<b", f"<b n='{number}'", 1) if re.match("<b[ />]", part) else part
                for number, part in enumerate(parts)]
    pieces = split(f"<r>{''.join(numbered)}</r>")
    numbers = [number for text, _ in pieces for number in re.findall(r"<b n='(\d+)'", text)]
    assert sorted(map(int, numbers)) == [number for number, part in enumerate(numbered) if part.startswith("<b n=")]


def test_a_broken_record_does_not_affect_others_if_it_certainly_ends_with_its_own_tag():
    good, bad = texts("<r>\n<b>1 & 2</b><b>3</b><b><i>4</b>\n<b k=5>5</b><b>6</b></r>")
    assert good == ["<b>3</b>", "<b>6</b>"]
    assert bad == ["<b>1 & 2</b>", "<b><i>4</b>", "<b k=5>5</b>"]


def test_records_after_one_that_is_never_closed_are_refused_one_by_one_with_its_line():
    pieces = split("<r><b>1</b>\n<b>2\n<b>3</b>\n<b>4</b></r>")
    assert [text for text, _ in pieces] == ["<b>1</b>", "<b>2", "<b>3</b>", "<b>4</b></r>"]
    assert pieces[1][1] == "isn't well-formed XML: mismatched tag on line 4"
    assert all(why and why.startswith("follows text that isn't well-formed XML") for _, why in pieces[2:])


@pytest.mark.parametrize(("text", "bad"), [
    ("<r><b>1</b><b", "<b"), ("<r><b>1</b><b>2", "<b>2"), ("<r><b>1</b>", "<r>"), ("<r><b>1</b></x><b>2</b>", "</x>"),
])
def test_a_truncated_text_is_reported_even_between_records(text: str, bad: str):
    good, wrong = texts(text)
    assert (good, wrong[0]) == (["<b>1</b>"], bad)
    assert all(why is None or "before <" in why or "mismatched" in why for _, why in split(text))


def test_several_documents_in_one_text_are_all_read():
    assert texts("<b>1</b><b>2</b>") == (["<b>1</b>", "<b>2</b>"], [])
    assert texts("<?xml version='1.0'?><r><b>1</b></r>\n<?xml version='1.0'?><r><b>2</b></r>") == (
        ["<b>1</b>", "<b>2</b>"], [])


def test_elements_in_a_comment_or_in_cdata_are_not_records():
    good, bad = texts("<r><!-- <b>1</b> --><b><![CDATA[</b><b>2</b>]]></b></r>")
    assert (len(good), bad) == (1, [])
    good, bad = texts("<r><b> & <![CDATA[</b><b>2</b>]]></b></r>")
    assert good == []
    assert "".join(bad).startswith("<b> & <![CDATA[</b>")


def test_names_are_compared_with_case_and_prefix_unless_the_namespace_is_ignored():
    assert texts("<r><B>1</B><x:b>2</x:b><b>3</b></r>") == (["<b>3</b>"], [])
    pieces = split("<r><x:b>2</x:b><b>3</b></r>", options=XmlOptions("b", ignore_namespace=True))
    assert [text for text, _ in pieces] == ["<x:b>2</x:b>", "<b>3</b>"]


def test_entities_that_a_text_defines_are_refused_before_they_are_expanded():
    with pytest.raises(FileRefused, match="defines the entity 'a'"):
        split("<!DOCTYPE r [<!ENTITY a 'aaaa'><!ENTITY b '&a;&a;'>]><r><b>&b;</b></r>")
    with pytest.raises(FileRefused, match="defines the entity 'a'"):
        split("<!DOCTYPE r [<!ENTITY a SYSTEM 'file:///etc/hostname'>]><r><b>&a;</b></r>")
    [(_, why)] = split("<!DOCTYPE r SYSTEM 'x.dtd'><r><b>&a;</b></r>")
    assert why == "has the entity &a;, which the file doesn't define"


def test_only_a_record_with_too_many_levels_is_refused():
    pieces = split(f"<r><b>{'<i>' * 5000}{'</i>' * 5000}</b><b/></r>")
    assert [why for _, why in pieces] == ["has more than 200 levels of nested elements", None]
