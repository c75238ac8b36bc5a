"""Turns and medians: every side once, then all again, so that a machine's mood falls on all of them alike.

    figures = in_turn({"ours": ours, "theirs": theirs}, pairs=3, tell=print)   # ours theirs ours theirs ours theirs
    ratio(figures["ours"], figures["theirs"])                                  # the median of the pairs' ratios
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from statistics import median
from typing import TypeVar

Figure = TypeVar("Figure")
Tell = Callable[[str], None]


def warm_up(sides: Mapping[str, Callable[[], object]], tell: Tell) -> None:
    """One turn each, of which nothing is kept: imports, JIT compilers and the page cache settle."""
    for who, side in sides.items():
        tell(f"warming up, {who}")
        side()


def in_turn(sides: Mapping[str, Callable[[], Figure]], pairs: int, tell: Tell) -> dict[str, list[Figure]]:
    """What each side gave in each of `pairs` rounds."""
    figures: dict[str, list[Figure]] = {who: [] for who in sides}
    for pair in range(pairs):
        for who, side in sides.items():
            tell(f"round {pair + 1} of {pairs}, {who}")
            figures[who].append(side())
    return figures


def ratio(above: Sequence[float], below: Sequence[float]) -> float:
    """The median over the rounds of one side's figure over the other's in that round."""
    return median(a / b for a, b in zip(above, below, strict=True))
