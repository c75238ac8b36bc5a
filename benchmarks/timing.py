"""Runs the sides in turn: each round runs every side once, so that changes of the machine's speed affect all sides.

    figures = in_turn({"ours": ours, "theirs": theirs}, pairs=3, report=print)   # ours theirs ours theirs ours theirs
    ratio(figures["ours"], figures["theirs"])                                  # the median of the pairs' ratios
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from statistics import median
from typing import TypeVar

Figure = TypeVar("Figure")
Report = Callable[[str], None]


def warm_up(sides: Mapping[str, Callable[[], object]], report: Report) -> None:
    """Runs each side once, without measuring, to warm up imports, JIT compilers and the page cache."""
    for label, side in sides.items():
        report(f"warming up, {label}")
        side()


def in_turn(sides: Mapping[str, Callable[[], Figure]], pairs: int, report: Report) -> dict[str, list[Figure]]:
    """Each side's figure in each of `pairs` rounds."""
    figures: dict[str, list[Figure]] = {label: [] for label in sides}
    for pair in range(pairs):
        for label, side in sides.items():
            report(f"round {pair + 1} of {pairs}, {label}")
            figures[label].append(side())
    return figures


def ratio(above: Sequence[float], below: Sequence[float]) -> float:
    """The median over the rounds of one side's figure over the other's in that round."""
    return median(a / b for a, b in zip(above, below, strict=True))
