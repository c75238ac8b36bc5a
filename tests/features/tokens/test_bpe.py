"""Byte pairs equal the plain algorithm."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from laketrain.features.tokens import Bpe, learn_merges


@given(words=st.dictionaries(st.text("abcd", min_size=1, max_size=8), st.integers(1, 9), min_size=1, max_size=20))
def test_byte_pairs_equal_the_plain_algorithm_and_spell_the_word(words: dict[str, int]) -> None:
    vocabulary, merges = learn_merges(words, minimum=2, most=40)
    assert merges == plain_merges(words, minimum=2, most=40)
    assert learn_merges(dict(reversed(words.items())), minimum=2, most=40) == (vocabulary, merges)
    for word in words:
        assert "".join(Bpe(merges).split_word(word)) == "▁" + word


def plain_merges(words: dict[str, int], minimum: int, most: int) -> tuple[str, ...]:
    """Counts all pairs again after each merge."""
    spelt = {word: ["▁" + word[0], *word[1:]] for word in words}
    singles = Counter({sign: 0 for symbols in spelt.values() for sign in symbols})
    for word, symbols in spelt.items():
        for sign in symbols:
            singles[sign] += words[word]
    by_count = sorted((-count, sign) for sign, count in singles.items() if count >= minimum)[:most]
    vocabulary = {sign for _, sign in by_count}
    merges: list[str] = []
    while len(vocabulary) < most:
        pairs: Counter[tuple[str, str]] = Counter()
        for word, symbols in spelt.items():
            for pair in pairwise(symbols):
                if all(len(part.removeprefix("▁")) > 1 or part in vocabulary for part in pair):
                    pairs[pair] += words[word]
        best = min(((-count, pair) for pair, count in pairs.items() if count >= minimum), default=None)
        if best is None:
            break
        left, right = best[1]
        merges.append(f"{left} {right}")
        vocabulary.add(left + right)
        for word, symbols in spelt.items():
            made, index = [], 0
            while index < len(symbols):
                both = symbols[index : index + 2] == [left, right]
                made.append(left + right if both else symbols[index])
                index += 2 if both else 1
            spelt[word] = made
    return tuple(merges)
