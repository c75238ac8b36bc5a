"""Byte pairs: pieces of words, as long as they are frequent, so that rare words have tokens too (Sennrich 2016).

    symbols, merges = learn_merges({"low": 5, "lower": 2}, minimum=2, most=100)
    Bpe(merges).split_word("lowest")                           # ["▁low", "e", "s", "t"]

Symbols are characters at first, a word's first one marked by ▁; the pair that comes most often becomes one symbol, and
so on. All is counted in whole numbers over words, and pairs that come alike are taken in the order of their code
points: the words may be given in any order.
"""

from __future__ import annotations

import heapq
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from functools import lru_cache
from itertools import pairwise

Pair = tuple[str, str]
BEGIN = "▁"
# What has no end (a number of a million digits, Base64) is learnt and cut in parts of so many characters.
_LONGEST = 64
_REMEMBERED = 2**17


def learn_merges(words: Mapping[str, int], minimum: int, most: int) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The vocabulary of at most `most` symbols, and the merges `"left right"` that make it, in order.

    Args:
        words: how often each comes.
        minimum: of a character, and of a pair, to become a symbol.
    """
    spelt = _spelt(words)
    characters: Counter[str] = Counter()
    for symbols, count in spelt:
        for symbol in symbols:
            characters[symbol] += count
    found = sorted((-count, symbol) for symbol, count in characters.items() if count >= minimum)
    vocabulary = dict.fromkeys(symbol for _, symbol in found[:most])
    pairs = _Pairs(spelt, vocabulary)
    merges: list[str] = []
    while len(vocabulary) < most and (best := pairs.best(minimum)) is not None:
        pairs.merge(best)
        merges.append(" ".join(best))
        vocabulary["".join(best)] = None
    return tuple(vocabulary), tuple(merges)


class Bpe:
    """Cuts words by merges that are learnt."""

    def __init__(self, merges: Sequence[str]) -> None:
        self._ranks: dict[Pair, int] = {}
        for rank, merge in enumerate(merges):
            left, right = merge.split(" ")
            self._ranks[left, right] = rank
        self.split_word = lru_cache(_REMEMBERED)(self._split_word)
        """The symbols of a word; words that come again are remembered."""

    @staticmethod
    @lru_cache(maxsize=8)
    def of(merges: tuple[str, ...]) -> Bpe:
        """Made once a process, not once a batch."""
        return Bpe(merges)

    def _split_word(self, word: str) -> tuple[str, ...]:
        symbols = [symbol for part in _parts(word) for symbol in self._merged(part)]
        return tuple(symbols)

    def _merged(self, symbols: list[str]) -> list[str]:
        while len(symbols) > 1:
            last = len(self._ranks)
            rank, pair = min((self._ranks.get(pair, last), pair) for pair in pairwise(symbols))
            if rank == last:
                break
            symbols = _joined(symbols, pair)
        return symbols


def _parts(word: str) -> list[list[str]]:
    """The characters of a word, the first one marked, in parts that are short enough."""
    characters = [BEGIN + word[0], *word[1:]]
    return [characters[start : start + _LONGEST] for start in range(0, len(characters), _LONGEST)]


def _spelt(words: Mapping[str, int]) -> list[tuple[list[str], int]]:
    return [(part, count) for word, count in words.items() for part in _parts(word)]


def _joined(symbols: list[str], pair: Pair) -> list[str]:
    """With each occurrence of the pair as one symbol, from the left."""
    made, place = [], 0
    while place < len(symbols):
        both = place + 1 < len(symbols) and (symbols[place], symbols[place + 1]) == pair
        made.append(pair[0] + pair[1] if both else symbols[place])
        place += 2 if both else 1
    return made


class _Pairs:
    """How often each pair of neighbours comes, kept up while pairs are merged: only the words that hold one change."""

    def __init__(self, spelt: list[tuple[list[str], int]], known: Mapping[str, None]) -> None:
        self._spelt = spelt
        self._known = known
        self._counts: Counter[Pair] = Counter()
        self._words: defaultdict[Pair, set[int]] = defaultdict(set)
        for number in range(len(spelt)):
            self._count(number, 1)
        self._heap = [(-count, pair) for pair, count in self._counts.items()]
        heapq.heapify(self._heap)

    def best(self, minimum: int) -> Pair | None:
        """The pair that comes most often, of alike ones the first; None where none comes `minimum` times."""
        while self._heap:
            count, pair = heapq.heappop(self._heap)
            if -count != self._counts[pair]:  # of before some merge; the count of now is in the heap too
                continue
            return pair if -count >= max(minimum, 1) else None
        return None

    def merge(self, pair: Pair) -> None:
        changed: set[Pair] = set()
        for number in list(self._words[pair]):
            symbols, count = self._spelt[number]
            changed |= self._count(number, -1)
            self._spelt[number] = (_joined(symbols, pair), count)
            changed |= self._count(number, 1)
        for other in changed:
            if self._counts[other] > 0:
                heapq.heappush(self._heap, (-self._counts[other], other))
            else:
                del self._counts[other], self._words[other]

    def _count(self, number: int, sign: int) -> set[Pair]:
        """Adds or takes back the pairs of a word, and gives them. Characters that are too rare join with nothing."""
        symbols, count = self._spelt[number]
        pairs = {pair: n for pair, n in Counter(pairwise(symbols)).items()
                 if all(len(symbol.removeprefix(BEGIN)) > 1 or symbol in self._known for symbol in pair)}
        for pair, n in pairs.items():
            self._counts[pair] += sign * n * count
            if sign > 0:
                self._words[pair].add(number)
            else:
                self._words[pair].discard(number)
        return set(pairs)
