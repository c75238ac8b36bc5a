"""Texts of problems that several checks need.

    unknown("split", "trian", ["train", "test"])      # ("there is no split 'trian'", "Did you mean 'train'?")
"""

from __future__ import annotations

from collections.abc import Iterable

from laketrain.errors import Problem, nearest


def unknown(path: tuple[str | int, ...], noun: str, received: str, accepted: Iterable[str]) -> Problem:
    """The problem of a name that doesn't exist."""
    return Problem.at(path, f"there is no {noun} {received!r}", nearest(received, accepted))


def sentence(hint: str) -> str:
    """An error's hint as that of a problem, which begins with a capital letter."""
    return hint[:1].upper() + hint[1:]
