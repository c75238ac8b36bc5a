"""Rules that repair text. `repair` works on a whole Arrow column; Spark hands it one batch after the other."""

from __future__ import annotations

import html
import unicodedata
from collections.abc import Callable
from functools import partial

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from laketrain.config.clean import Text, Trim
from laketrain.spark.frames import on_batches, quoted

_LOST = r"(^|[ ])(#\d{2,5}|quot|amp|lt|gt|apos|nbsp);"
"""An entity that lost its ampersand to a space on the way."""

_ELEMENTS = (
    "a|abbr|address|article|aside|b|big|blockquote|body|br|button|caption|center|cite|code|col|dd|del|div|dl|dt|em|"
    "figure|font|footer|form|h[1-6]|head|header|hr|html|i|iframe|img|input|ins|label|li|link|main|mark|meta|nav|nobr|ol|"
    "option|p|param|pre|q|s|samp|section|select|small|source|span|strike|strong|sub|sup|svg|table|tbody|td|textarea|"
    "tfoot|th|thead|title|tr|tt|u|ul|var|video|wbr"
)
_INLINE = "a|abbr|b|big|cite|code|del|em|font|i|ins|mark|nobr|q|s|samp|small|span|strike|strong|sub|sup|tt|u|var|wbr"
_ATTRIBUTES = r"""(?:\s+[\w:-]+\s*=\s*(?:"[^"]*"|'[^']*'|[^\s"'<>]+))*\s*/?"""
_HIDDEN = r"(?is)<!--.*?-->|<script\b[^>]*>.*?</script\s*>|<style\b[^>]*>.*?</style\s*>"
# Only known elements, with attributes that have a value: in `a <b and c> d` nothing is a tag.
_WITHIN_WORDS = rf"(?i)</?(?:{_INLINE}){_ATTRIBUTES}>"
_BETWEEN_WORDS = rf"(?i)</?(?:{_ELEMENTS}){_ATTRIBUTES}>"

_CODES = r"\\(?:r\\n|[nrt])"
_LONE = r"\\(?:r\\n|[nrt]\b)?"

_SPACES = r"[\s\x{0B}\x{1C}-\x{1F}\x{85}\p{Z}]+"
_CONTROL = r"[\x{00}-\x{08}\x{0E}-\x{1B}\x{7F}-\x{84}\x{86}-\x{9F}]"
# Soft hyphen, zero-width space, marks and embeddings of direction, word joiner, byte order mark. The zero-width joiners
# stay: emoji, Persian and Indic scripts need them.
_INVISIBLE = r"[\x{AD}\x{200B}\x{200E}\x{200F}\x{202A}-\x{202E}\x{2060}\x{2066}-\x{2069}\x{FEFF}]"


def trim(frame: DataFrame, rule: Trim) -> DataFrame:
    """White space around text goes, and with `lower` its capitals."""
    for column in rule.columns:
        text = F.trim(F.regexp_replace(F.col(quoted(column)).cast("string"), r"\s+", " "))
        frame = frame.withColumn(column, F.lower(text) if rule.lower else text)
    return frame


def text(frame: DataFrame, rule: Text) -> DataFrame:
    """The columns repaired, each in Arrow batches of its own."""

    def repaired(texts: pd.Series) -> pd.Series:
        return repair(pa.Array.from_pandas(texts, type=pa.string()), rule).to_pandas()

    work = on_batches(repaired, "string")
    return frame.withColumns({column: work(F.col(quoted(column)).cast("string")) for column in rule.columns})


def repair(texts: pa.Array, rule: Text) -> pa.Array:
    """Every text as `rule` says; nulls stay."""
    if rule.escapes != "keep":
        # First: line ends also stand within tags.
        texts = pc.replace_substring_regex(texts, _CODES if rule.escapes == "codes" else _LONE, " ")
    if rule.html:
        texts = without_html(texts)
    if rule.unicode != "keep":
        # Not Arrow's utf8_normalize, which leaves letters and their accents apart; what is ASCII has one form only.
        texts = _each(texts, pc.invert(pc.string_is_ascii(texts)), partial(unicodedata.normalize, rule.unicode))
    if rule.control:
        texts = pc.replace_substring_regex(texts, f"{_CONTROL}|{_INVISIBLE}", "")
    if rule.spaces:
        texts = pc.utf8_trim(pc.replace_substring_regex(texts, _SPACES, " "), " ")
    return pc.utf8_lower(texts) if rule.lower else texts


def without_html(texts: pa.Array) -> pa.Array:
    """Entities as the characters that they mean, tags gone: those between words leave a space.

    Entities come first, since exports often write tags with them. Their names are resolved twice: an ampersand that was
    itself written as an entity is common.
    """
    texts = pc.replace_substring_regex(texts, _LOST, r"&\2;")
    for _ in range(2):
        texts = _each(texts, pc.match_substring(texts, "&"), html.unescape)
    texts = pc.replace_substring_regex(texts, _HIDDEN, " ")
    texts = pc.replace_substring_regex(texts, _WITHIN_WORDS, "")
    return pc.replace_substring_regex(texts, _BETWEEN_WORDS, " ")


def _each(texts: pa.Array, chosen: pa.Array, change: Callable[[str], str]) -> pa.Array:
    """`change` of the few texts that are `chosen`; the others pass untouched."""
    found = texts.filter(chosen)
    if not len(found):
        return texts
    changed = pa.array([change(text) for text in found.to_pylist()], pa.string())
    return pc.replace_with_mask(texts, pc.fill_null(chosen, False), changed)
