"""Text is repaired as intended."""

from __future__ import annotations

import html
import unicodedata
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from .cases import RULE


def repaired(texts: list[str | None], **settings: Any) -> list[str | None]:
    from laketrain.clean.rules.text import repair

    rule = RULE.validate_python({"text": {"columns": ["x"], **settings}})
    return repair(pa.array(texts, pa.string()), rule).to_pylist()


OFF = {"html": False, "escapes": "keep", "unicode": "keep", "control": False, "spaces": False}

TABLE: dict[str, tuple[dict[str, Any], str | None, str | None]] = {
    # settings, dirty, clean
    "nothing": ({}, None, None),
    "plain text": ({}, "It's 5 < 6, & so on.", "It's 5 < 6, & so on."),
    "entities": ({}, "AT&amp;T&nbsp;&#163;5 &#x2014; caf&eacute;", "AT&T £5 — café"),
    "an entity of an entity": ({}, "AT&amp;amp;T", "AT&T"),
    "entities without their ampersand": ({}, "It #39;s  #36;10 quot;a b quot; AT amp;T", "It's $10\"a b\" AT&T"),
    "a number sign and a semicolon": ({}, "room #7; then C#39;", "room #7; then C#39;"),
    "tags within a word": ({}, "H<sub>2</sub>O and <b>b</b>old", "H2O and bold"),
    "tags between words": ({}, "one<br/>two<p class='x'>three</p>four", "one two three four"),
    "tags as entities": ({}, "&lt;A HREF=\"http://x/?a=1&amp;b=2\"&gt;Full story&lt;/A&gt;.", "Full story."),
    "a written line end in a tag": ({}, r"a<font size='-2'\ncolor=red>b</font> <nobr>c</nobr>", "ab c"),
    "scripts and comments": ({}, "a<script type='x'>if (a<b) {}</script>b<!-- c\nd -->e", "a b e"),
    "no tags": ({}, "if a<b and c>d, x<y>, <3, <unknown>", "if a<b and c>d, x<y>, <3, <unknown>"),
    "tags are kept": ({"html": False}, "<b>a</b> &amp;", "<b>a</b> &amp;"),
    "written line ends": ({}, r"one\ntwo\r\nthree\tfour\five", r"one two three four\five"),
    "every backslash": ({"escapes": "lone"}, r"a second\team\n of\$10", "a second team of $10"),
    "backslashes are kept": ({"escapes": "keep"}, r"C:\new", r"C:\new"),
    "compatible forms": ({}, "ﬁne Ａ１ ½ ①", "fine A1 1⁄2 1"),
    "composed forms only": ({"unicode": "NFC"}, "e\u0301 ﬁ", "é ﬁ"),
    "control characters": ({}, "a\x00b\x07c\x7fd\x9be", "abcde"),
    "invisible characters": ({}, "\ufeffa\u200bb\u00adc\u202ed\u2060", "abcd"),
    "joiners of an emoji": ({}, "👩\u200d🔬", "👩\u200d🔬"),
    "white space": ({}, " \t a\r\n\n b\u00a0\u3000c\u2028d\x0be ", "a b c d e"),
    "white space is kept": ({"spaces": False}, " a\n\tb ", " a\n\tb "),
    "everything off": (OFF, " <b>\\nＡ\x00 ", " <b>\\nＡ\x00 "),
    "rubbish": ({}, "<br><br>\u200b &nbsp;", ""),
    "Chinese": ({}, "你好，　世界！", "你好, 世界!"),
}


@pytest.mark.parametrize("name", TABLE)
def test_text_is_repaired(name: str):
    settings, dirty, clean = TABLE[name]
    assert repaired([dirty], **settings) == [clean]


def test_capitals_become_lower_case():
    assert repaired(["Straße ÄÖ", None], lower=True) == ["straße äö", None]


@given(st.lists(st.none() | st.text(max_size=30), max_size=20))
def test_each_repair_equals_that_of_python(texts: list[str | None]):
    def by_hand(change: Any) -> list[str | None]:
        return [None if text is None else change(text) for text in texts]

    assert repaired(texts, **{**OFF, "unicode": "NFKC"}) == by_hand(lambda text: unicodedata.normalize("NFKC", text))
    assert repaired(texts, **{**OFF, "spaces": True}) == by_hand(lambda text: " ".join(text.split()))


@given(st.lists(st.sampled_from(["&amp;", "&lt;", "a", " ", "&#39;", "&copy;", "é"]), max_size=12))
def test_html_entities_are_decoded(parts: list[str]):
    text = "".join(parts).strip()
    assert repaired([text], **{**OFF, "html": True}) == [html.unescape(html.unescape(text))]


@given(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="&\\<#"), max_size=30), max_size=10))
def test_a_repaired_text_needs_no_second_repair(texts: list[str]):
    once = repaired(list(texts), lower=True)
    assert repaired(once) == once
