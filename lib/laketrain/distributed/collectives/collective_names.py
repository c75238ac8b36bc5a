"""Numbers for the names of collectives, the same on every rank.

    name = f"gradients_{next_number()}"

Ranks match tensors by name, and two collectives that run at the same time need two names. Names that Keras gives would
differ between a fresh and a reused process, so these are numbered in the order of the calls.
"""

from __future__ import annotations

import itertools

_numbers = itertools.count(1)


def next_number() -> int:
    """1, 2, 3, …: every rank must call this in the same order."""
    return next(_numbers)


def reset_numbers() -> None:
    """Start again at 1, so that a reused process agrees with a fresh one."""
    global _numbers
    _numbers = itertools.count(1)
