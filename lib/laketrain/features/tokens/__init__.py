"""Tokenisation: texts are normalised and split into words, characters or byte-pair pieces, which become ids.

    tokens = tokenize(column, "words", lower=True, unicode="NFKC")
    ids = token_ids(tokens, ("the", "cat"))               # 1 for an unknown token, 2 for "the", 3 for "cat"
"""

from laketrain.features.tokens.bpe import Bpe, learn_merges
from laketrain.features.tokens.stop_words import stop_words_of
from laketrain.features.tokens.token_rows import TokenRows
from laketrain.features.tokens.tokenize import Kind, Unicode, tokenize
from laketrain.features.tokens.vocabulary import PADDING, UNKNOWN, most_common, token_ids

__all__ = ["PADDING", "UNKNOWN", "Bpe", "Kind", "TokenRows", "Unicode", "learn_merges", "most_common",
           "stop_words_of", "token_ids", "tokenize"]
