"""Normalises and tokenises texts, a batch at a time with Arrow's kernels.

    tokenize(pa.array(["Don’t stop!"]), "words", lower=True, unicode="NFKC")        # don't, stop

A word is a run of letters, marks and digits with the apostrophes in it; jieba's dictionary splits Chinese, which has no
spaces. For byte pairs each punctuation mark and symbol is also a word. Characters are kept, except that white space
becomes one space.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from laketrain.features.tokens.token_rows import TokenRows

Kind = Literal["words", "characters", "bpe"]
Unicode = Literal["NFC", "NFKC", "NFD", "NFKD", "none"]

# Arrow's regular expressions (RE2) support Unicode's classes, but \s is ASCII only.
_SPACE = r"[\s\p{Z}\p{C}]+"
_NO_WORD = r"[^\p{L}\p{M}\p{N}']+"
_SYMBOL = r"([^\p{L}\p{M}\p{N} ])"
# The blocks of Han characters: basic, extension A, compatibility, and the supplementary planes.
_HAN = re.compile("[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U000323af]+")


def tokenize(column: pa.Array, kind: Kind, lower: bool, unicode: Unicode) -> TokenRows:
    """The tokens of each row; null has none.

    Args:
        column: (n,) strings, valid UTF-8.
        kind: `bpe` returns words, which byte-pair encoding then splits.
    """
    texts = pc.fill_null(column.cast(pa.string()), "")
    if unicode != "none":
        # Arrow's own utf8_normalize (14) leaves letters decomposed.
        texts = pa.array([text if text.isascii() else unicodedata.normalize(unicode, text)
                          for text in texts.to_pylist()], pa.string())
    if lower:
        texts = pc.utf8_lower(texts)
    if kind == "characters":
        return _characters(pc.utf8_trim_whitespace(pc.replace_substring_regex(texts, _SPACE, " ")))
    if kind == "words":
        texts = pc.replace_substring_regex(pc.replace_substring(texts, "’", "'"), _NO_WORD, " ")
        return _split_spaces(texts).split(lambda word: _split_han(word.strip("'")))
    spaced = pc.replace_substring_regex(pc.replace_substring_regex(texts, _SPACE, " "), _SYMBOL, r" \1 ")
    return _split_spaces(spaced).split(_split_han)


def _split_spaces(texts: pa.Array) -> TokenRows:
    """The words between spaces."""
    rows = pc.split_pattern(texts, " ")
    words = pc.dictionary_encode(rows.flatten())
    index = np.asarray(words.indices.to_numpy(zero_copy_only=False), np.int64)
    starts = np.asarray(rows.offsets.to_numpy(zero_copy_only=False), np.int64)
    return TokenRows(words.dictionary.to_pylist(), index, starts - starts[0]).without({""})


def _characters(texts: pa.Array) -> TokenRows:
    """Unicode code points."""
    codes = np.frombuffer("".join(texts.to_pylist()).encode("utf-32-le"), np.uint32)
    distinct, index = np.unique(codes, return_inverse=True)
    lengths = np.asarray(pc.utf8_length(texts).to_numpy(zero_copy_only=False), np.int64)
    return TokenRows(list(map(chr, distinct)), index.astype(np.int64), np.concatenate([[0], np.cumsum(lengths)]))


def _split_han(word: str) -> Sequence[str]:
    """The word with its runs of Han characters split into words; () for an empty one."""
    if word.isascii() or not _HAN.search(word):
        return [word] if word else []
    import rjieba

    parts: list[str] = []
    end = 0
    for run in _HAN.finditer(word):
        parts += [word[end : run.start()], *rjieba.cut(run.group())]
        end = run.end()
    return [part for part in (*parts, word[end:]) if part]
