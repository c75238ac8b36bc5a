"""Texts in pieces: normalised, cut in words, characters or byte-pair pieces, and numbered by a vocabulary.

    pieces = cut(column, "words", lower=True, unicode="NFKC")
    ids = numbered(pieces, ("the", "cat"))                # 1 where a token is unknown, "the" is 2, "cat" is 3
"""

from laketrain.features.tokens.bpe import Bpe, learn_merges
from laketrain.features.tokens.cut import Kind, Unicode, cut
from laketrain.features.tokens.pieces import Pieces
from laketrain.features.tokens.stop_words import stop_words_of
from laketrain.features.tokens.vocabulary import PADDING, UNKNOWN, most_counted, numbered

__all__ = ["PADDING", "UNKNOWN", "Bpe", "Kind", "Pieces", "Unicode", "cut", "learn_merges", "most_counted", "numbered",
           "stop_words_of"]
