"""Byte-pair encoding: frequent pieces of words are tokens, so that rare words have tokens too (Sennrich 2016).

    symbols, merges = learn_merges({"low": 5, "lower": 2}, minimum=2, most=100)
    Bpe(merges).split_word("lowest")                      # ["▁low", "e", "s", "t"]

Symbols are characters at first; ▁ marks a word's first one. The most frequent pair becomes one symbol, and so on. Ties
are in the order of code points, so the result doesn't depend on the order of words.
"""

from __future__ import annotations

import heapq
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from functools import lru_cache
from itertools import pairwise

Pair = tuple[str, str]
BEGIN = "▁"
# Longer words (Base64, numbers of a million digits) are split into parts of this many characters.
_LONGEST = 64
_REMEMBERED = 2**17


def learn_merges(words: Mapping[str, int], minimum: int, most: int) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The vocabulary of at most `most` symbols, and the merges `"left right"` that make it, in order.

    Args:
        words: occurrences of each word.
        minimum: occurrences that a character or a pair needs to become a symbol.
    """
    spelt = _spell(words)
    characters: Counter[str] = Counter()
    for symbols, count in spelt:
        for symbol in symbols:
            characters[symbol] += count
    frequent = sorted((-count, symbol) for symbol, count in characters.items() if count >= minimum)
    vocabulary = dict.fromkeys(symbol for _, symbol in frequent[:most])
    pairs = _Pairs(spelt, vocabulary)
    merges: list[str] = []
    while len(vocabulary) < most and (best := pairs.best(minimum)) is not None:
        pairs.merge(best)
        merges.append(" ".join(best))
        vocabulary["".join(best)] = None
    return tuple(vocabulary), tuple(merges)


class Bpe:
    """Splits words into symbols by learnt merges."""

    def __init__(self, merges: Sequence[str]) -> None:
        self._ranks: dict[Pair, int] = {}
        for rank, merge in enumerate(merges):
            left, right = merge.split(" ")
            self._ranks[left, right] = rank
        self.split_word = lru_cache(_REMEMBERED)(self._split_word)
        """The symbols of a word; cached."""

    @staticmethod
    @lru_cache(maxsize=8)
    def of(merges: tuple[str, ...]) -> Bpe:
        """Cached, so that it is built once a process instead of once a batch."""
        return Bpe(merges)

    def _split_word(self, word: str) -> tuple[str, ...]:
        symbols = [symbol for part in _parts(word) for symbol in self._merge(part)]
        return tuple(symbols)

    def _merge(self, symbols: list[str]) -> list[str]:
        while len(symbols) > 1:
            last = len(self._ranks)
            rank, pair = min((self._ranks.get(pair, last), pair) for pair in pairwise(symbols))
            if rank == last:
                break
            symbols = _join(symbols, pair)
        return symbols


def _parts(word: str) -> list[list[str]]:
    """The characters of a word, the first one marked, in parts of at most _LONGEST."""
    characters = [BEGIN + word[0], *word[1:]]
    return [characters[start : start + _LONGEST] for start in range(0, len(characters), _LONGEST)]


def _spell(words: Mapping[str, int]) -> list[tuple[list[str], int]]:
    return [(part, count) for word, count in words.items() for part in _parts(word)]


def _join(symbols: list[str], pair: Pair) -> list[str]:
    """The symbols with each occurrence of the pair, from the left, joined."""
    result, index = [], 0
    while index < len(symbols):
        both = index + 1 < len(symbols) and (symbols[index], symbols[index + 1]) == pair
        result.append(pair[0] + pair[1] if both else symbols[index])
        index += 2 if both else 1
    return result


class _Pairs:
    """Counts of adjacent pairs, updated while pairs are merged: only words that contain the pair change."""

    def __init__(self, spelt: list[tuple[list[str], int]], vocabulary: Mapping[str, None]) -> None:
        self._spelt = spelt
        self._vocabulary = vocabulary
        self._counts: Counter[Pair] = Counter()
        self._words: defaultdict[Pair, set[int]] = defaultdict(set)
        for number in range(len(spelt)):
            self._count(number, 1)
        self._heap = [(-count, pair) for pair, count in self._counts.items()]
        heapq.heapify(self._heap)

    def best(self, minimum: int) -> Pair | None:
        """The most frequent pair, the first one of ties; None if no pair occurs `minimum` times."""
        while self._heap:
            count, pair = heapq.heappop(self._heap)
            if -count != self._counts[pair]:  # outdated by a merge; the current count is in the heap too
                continue
            return pair if -count >= max(minimum, 1) else None
        return None

    def merge(self, pair: Pair) -> None:
        changed: set[Pair] = set()
        for number in list(self._words[pair]):
            symbols, count = self._spelt[number]
            changed |= self._count(number, -1)
            self._spelt[number] = (_join(symbols, pair), count)
            changed |= self._count(number, 1)
        for other in changed:
            if self._counts[other] > 0:
                heapq.heappush(self._heap, (-self._counts[other], other))
            else:
                del self._counts[other], self._words[other]

    def _count(self, number: int, sign: int) -> set[Pair]:
        """Adds (sign 1) or subtracts (-1) the pairs of a word, and returns them. Rare characters are never joined."""
        symbols, count = self._spelt[number]
        pairs = {pair: n for pair, n in Counter(pairwise(symbols)).items()
                 if all(len(symbol.removeprefix(BEGIN)) > 1 or symbol in self._vocabulary for symbol in pair)}
        for pair, n in pairs.items():
            self._counts[pair] += sign * n * count
            if sign > 0:
                self._words[pair].add(number)
            else:
                self._words[pair].discard(number)
        return set(pairs)
