"""Words that several checks need.

    unknown("split", "trian", ["train", "test"])      # ("there is no split 'trian'", "Did you mean 'train'?")
"""

from __future__ import annotations

from collections.abc import Iterable

from laketrain.errors import Problem, nearest


def unknown(path: tuple[str | int, ...], noun: str, received: str, accepted: Iterable[str]) -> Problem:
    """The problem of a name that doesn't exist."""
    return Problem.at(path, f"there is no {noun} {received!r}", nearest(received, accepted))


def sentence(hint: str) -> str:
    """A hint of an error as one of a config's problems, which begin with a capital letter."""
    return hint[:1].upper() + hint[1:]
