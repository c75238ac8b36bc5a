"""Rules that repair text. `repair` processes a whole Arrow column; Spark passes it one batch at a time."""

from __future__ import annotations

import html
import unicodedata
from collections.abc import Callable
from functools import partial

import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from laketrain.config.clean import Text, Trim
from laketrain.spark.frames import on_batches, quoted

_LOST = r"(^|[ ])(#\d{2,5}|quot|amp|lt|gt|apos|nbsp);"
"""An entity whose ampersand is missing or became a space."""

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
    """Removes white space around text, collapses it within, and with `lower` converts to lower case."""
    for column in rule.columns:
        text = F.trim(F.regexp_replace(F.col(quoted(column)).cast("string"), r"\s+", " "))
        frame = frame.withColumn(column, F.lower(text) if rule.lower else text)
    return frame


def text(frame: DataFrame, rule: Text) -> DataFrame:
    """Repairs the columns, in Arrow batches."""

    def repaired(texts: pa.Array) -> pa.Array:
        return repair(texts.cast(pa.string()), rule)

    work = on_batches(repaired, "string")
    return frame.withColumns({column: work(F.col(quoted(column)).cast("string")) for column in rule.columns})


def repair(texts: pa.Array, rule: Text) -> pa.Array:
    """Repairs every text as `rule` defines; nulls stay."""
    if rule.escapes != "keep":
        # First, as tags may contain line ends.
        texts = pc.replace_substring_regex(texts, _CODES if rule.escapes == "codes" else _LONE, " ")
    if rule.html:
        texts = without_html(texts)
    if rule.unicode != "keep":
        # Not Arrow's utf8_normalize, which doesn't compose letters with accents. ASCII needs no normalisation.
        normalize = partial(unicodedata.normalize, rule.unicode)
        texts = _replace_where(texts, pc.invert(pc.string_is_ascii(texts)), normalize)
    if rule.control:
        texts = pc.replace_substring_regex(texts, f"{_CONTROL}|{_INVISIBLE}", "")
    if rule.spaces:
        texts = pc.utf8_trim(pc.replace_substring_regex(texts, _SPACES, " "), " ")
    return pc.utf8_lower(texts) if rule.lower else texts


def without_html(texts: pa.Array) -> pa.Array:
    """Decodes entities and removes tags; tags between words leave a space.

    Entities are decoded first, since exports often escape tags, and twice, since ampersands are often escaped too.
    """
    texts = pc.replace_substring_regex(texts, _LOST, r"&\2;")
    for _ in range(2):
        texts = _replace_where(texts, pc.match_substring(texts, "&"), html.unescape)
    texts = pc.replace_substring_regex(texts, _HIDDEN, " ")
    texts = pc.replace_substring_regex(texts, _WITHIN_WORDS, "")
    return pc.replace_substring_regex(texts, _BETWEEN_WORDS, " ")


def _replace_where(texts: pa.Array, mask: pa.Array, change: Callable[[str], str]) -> pa.Array:
    """Applies `change` to the texts for which `mask` is true."""
    selected = texts.filter(mask)
    if not len(selected):
        return texts
    changed = pa.array([change(text) for text in selected.to_pylist()], pa.string())
    return pc.replace_with_mask(texts, pc.fill_null(mask, False), changed)
