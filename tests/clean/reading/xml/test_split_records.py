"""Records of XML: whatever the text is, each character of a record is given once, as a record or with a problem."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from laketrain.clean.reading.xml.options import Form
from laketrain.clean.reading.xml.split_records import Cutter, Refused

GOOD = st.sampled_from(["<b/>", "<b></b>", "<b k='>'><i>1</i></b>", "<b>ü<![CDATA[<b>]]></b>", "<b><b/>x</b>", "\n ",
                        "<c/>", "<!-- <b> -->", "<b><i>2</i>\n</b >"])
BAD = st.sampled_from(["<b>", "</b>", "<b", "&", "<i>", "</r>", "<b k=1>2</b>", "<b>a & b</b>", "<b><i></b>", "]]>",
                       "<"])


def cut(text: str, size: int = 1 << 20, form: Form | None = None) -> list[tuple[str, str | None]]:
    """The pieces' texts and problems."""
    data = text.encode("utf-8", "surrogatepass")
    pieces = Cutter(form or Form("b")).pieces(data[start:start + size] for start in range(0, len(data), size))
    return [(piece.raw.decode("utf-8", "surrogatepass"), piece.problem) for piece in pieces]


def texts(text: str) -> tuple[list[str], list[str]]:
    """Those of records, and those of what is none."""
    pieces = cut(text)
    return [piece for piece, why in pieces if why is None], [piece for piece, why in pieces if why]


@given(st.lists(GOOD), st.integers(1, 9))
def test_each_record_is_there_as_it_came_wherever_the_text_is_cut_on_its_way(parts: list[str], size: int):
    pieces = cut(f"<r>{''.join(parts)}</r>", size)
    assert pieces == [(part, None) for part in parts if part.startswith("<b")]


@given(st.lists(GOOD | BAD))
def test_no_record_is_lost_and_none_is_there_twice_whatever_is_broken(parts: list[str]):
    marked = [part.replace("<b", f"<b n='{number}'", 1) if re.match("<b[ />]", part) else part
              for number, part in enumerate(parts)]
    pieces = cut(f"<r>{''.join(marked)}</r>")
    found = [number for text, _ in pieces for number in re.findall(r"<b n='(\d+)'", text)]
    assert sorted(map(int, found)) == [number for number, part in enumerate(marked) if part.startswith("<b n=")]


def test_a_record_that_is_broken_takes_no_other_with_it_where_it_surely_ends_by_its_own_tag():
    good, bad = texts("<r>\n<b>1 & 2</b><b>3</b><b><i>4</b>\n<b k=5>5</b><b>6</b></r>")
    assert good == ["<b>3</b>", "<b>6</b>"]
    assert bad == ["<b>1 & 2</b>", "<b><i>4</b>", "<b k=5>5</b>"]


def test_records_behind_one_that_is_never_closed_are_refused_one_by_one_with_its_line():
    pieces = cut("<r><b>1</b>\n<b>2\n<b>3</b>\n<b>4</b></r>")
    assert [text for text, _ in pieces] == ["<b>1</b>", "<b>2", "<b>3</b>", "<b>4</b></r>"]
    assert pieces[1][1] == "is no whole XML: mismatched tag on line 4"
    assert all(why and why.startswith("can't be told from what is before it") for _, why in pieces[2:])


@pytest.mark.parametrize(("text", "bad"), [
    ("<r><b>1</b><b", "<b"), ("<r><b>1</b><b>2", "<b>2"), ("<r><b>1</b>", "<r>"), ("<r><b>1</b></x><b>2</b>", "</x>"),
])
def test_a_text_that_is_cut_off_is_told_even_between_records(text: str, bad: str):
    good, wrong = texts(text)
    assert (good, wrong[0]) == (["<b>1</b>"], bad)
    assert all(why is None or "before <" in why or "mismatched" in why for _, why in cut(text))


def test_documents_one_behind_the_other_are_read_all():
    assert texts("<b>1</b><b>2</b>") == (["<b>1</b>", "<b>2</b>"], [])
    assert texts("<?xml version='1.0'?><r><b>1</b></r>\n<?xml version='1.0'?><r><b>2</b></r>") == (
        ["<b>1</b>", "<b>2</b>"], [])


def test_what_is_in_a_comment_or_in_cdata_is_no_record():
    good, bad = texts("<r><!-- <b>1</b> --><b><![CDATA[</b><b>2</b>]]></b></r>")
    assert (len(good), bad) == (1, [])
    good, bad = texts("<r><b> & <![CDATA[</b><b>2</b>]]></b></r>")
    assert good == []
    assert "".join(bad).startswith("<b> & <![CDATA[</b>")


def test_names_count_with_their_capitals_and_their_prefix_unless_it_is_to_be_ignored():
    assert texts("<r><B>1</B><x:b>2</x:b><b>3</b></r>") == (["<b>3</b>"], [])
    assert [text for text, _ in cut("<r><x:b>2</x:b><b>3</b></r>", form=Form("b", local=True))] == [
        "<x:b>2</x:b>", "<b>3</b>"]


def test_entities_that_a_text_defines_are_refused_before_they_grow():
    with pytest.raises(Refused, match="defines the entity 'a'"):
        cut("<!DOCTYPE r [<!ENTITY a 'aaaa'><!ENTITY b '&a;&a;'>]><r><b>&b;</b></r>")
    with pytest.raises(Refused, match="defines the entity 'a'"):
        cut("<!DOCTYPE r [<!ENTITY a SYSTEM 'file:///etc/hostname'>]><r><b>&a;</b></r>")
    [(_, why)] = cut("<!DOCTYPE r SYSTEM 'x.dtd'><r><b>&a;</b></r>")
    assert why == "has the entity &a;, which the file doesn't define"


def test_a_record_nested_too_deep_is_refused_alone():
    pieces = cut(f"<r><b>{'<i>' * 5000}{'</i>' * 5000}</b><b/></r>")
    assert [why for _, why in pieces] == ["has more than 200 elements within one another", None]
