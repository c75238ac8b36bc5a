"""Normalises texts and cuts them, by Arrow's kernels over a whole batch.

    tokenize(pa.array(["Don’t stop!"]), "words", lower=True, unicode="NFKC")        # don't, stop

A word is a run of letters, marks and digits with the apostrophes in it; Chinese, which has no spaces, is cut by
jieba's dictionary. For byte pairs each punctuation mark and symbol is a word of its own too; as characters everything
stays, but white space, which is one space between words.
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

# Arrow's regular expressions (RE2) know Unicode's classes, and \s for ASCII only.
_SPACE = r"[\s\p{Z}\p{C}]+"
_NO_WORD = r"[^\p{L}\p{M}\p{N}']+"
_SYMBOL = r"([^\p{L}\p{M}\p{N} ])"
# The blocks of Han characters: the basic one, A, compatibility, and the planes above.
_HAN = re.compile("[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U000323af]+")


def tokenize(column: pa.Array, kind: Kind, lower: bool, unicode: Unicode) -> TokenRows:
    """The tokens of each row; a null has none.

    Args:
        column: (n,) of strings, valid UTF-8.
        kind: `bpe` gives the words that byte pairs are made in.
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
        return _spaced(texts).split(lambda word: _han_apart(word.strip("'")))
    spaced = pc.replace_substring_regex(pc.replace_substring_regex(texts, _SPACE, " "), _SYMBOL, r" \1 ")
    return _spaced(spaced).split(_han_apart)


def _spaced(texts: pa.Array) -> TokenRows:
    """What stands between spaces."""
    rows = pc.split_pattern(texts, " ")
    words = pc.dictionary_encode(rows.flatten())
    places = np.asarray(words.indices.to_numpy(zero_copy_only=False), np.int64)
    starts = np.asarray(rows.offsets.to_numpy(zero_copy_only=False), np.int64)
    return TokenRows(words.dictionary.to_pylist(), places, starts - starts[0]).without({""})


def _characters(texts: pa.Array) -> TokenRows:
    """Unicode's code points."""
    codes = np.frombuffer("".join(texts.to_pylist()).encode("utf-32-le"), np.uint32)
    distinct, places = np.unique(codes, return_inverse=True)
    lengths = np.asarray(pc.utf8_length(texts).to_numpy(zero_copy_only=False), np.int64)
    return TokenRows(list(map(chr, distinct)), places.astype(np.int64), np.concatenate([[0], np.cumsum(lengths)]))


def _han_apart(word: str) -> Sequence[str]:
    """The word, with its runs of Han characters in words; nothing of nothing."""
    if word.isascii() or not _HAN.search(word):
        return [word] if word else []
    import rjieba

    found: list[str] = []
    end = 0
    for run in _HAN.finditer(word):
        found += [word[end : run.start()], *rjieba.cut(run.group())]
        end = run.end()
    return [part for part in (*found, word[end:]) if part]
