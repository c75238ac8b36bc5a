"""Dialects of CSV are parsed from Spark's options."""

from __future__ import annotations

import pytest

from laketrain.config.sources.dialect import Dialect


@pytest.mark.parametrize(("options", "message"), [
    ({"quote": "''"}, "received quote: \"''\", expected one character"),
    ({"sep": ""}, "received sep: '', expected one character or more"),
    ({"lineSep": "abc"}, "received lineSep: 'abc', expected one or two"),
    ({"header": 1}, "received header: 1, expected true or false"),
    ({"unescapedQuoteHandling": "SKIP_VALUE"}, "text follows a closing quote is never read"),
    ({"escape": "\\", "charToEscapeQuoteEscaping": "|"}, "received charToEscapeQuoteEscaping"),
])
def test_invalid_options_are_refused(options: dict[str, object], message: str):
    with pytest.raises(ValueError) as caught:
        Dialect.of(options)
    assert message in str(caught.value)


def test_options_have_the_names_of_spark():
    assert Dialect.of({"Delimiter": "\\t", "quote": "'", "HEADER": "true"}) == Dialect(
        header=True, separator="\t", quote="'", escape="'")
    assert Dialect.of({"escape": "\\", "quote": "\0", "sep": "||"}) == Dialect(
        separator="||", quote="", escape="\\")
