"""Texts in pieces: normalised, cut in words, characters or byte-pair pieces, and numbered by a vocabulary.

    pieces = tokenize(column, "words", lower=True, unicode="NFKC")
    ids = token_ids(pieces, ("the", "cat"))                # 1 where a token is unknown, "the" is 2, "cat" is 3
"""

from laketrain.features.tokens.bpe import Bpe, learn_merges
from laketrain.features.tokens.stop_words import stop_words_of
from laketrain.features.tokens.token_rows import TokenRows
from laketrain.features.tokens.tokenize import Kind, Unicode, tokenize
from laketrain.features.tokens.vocabulary import PADDING, UNKNOWN, most_common, token_ids

__all__ = ["PADDING", "UNKNOWN", "Bpe", "Kind", "TokenRows", "Unicode", "learn_merges", "most_common",
           "stop_words_of", "token_ids", "tokenize"]
