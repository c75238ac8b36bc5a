"""Numbers for the names of collectives, the same on every rank.

    name = f"gradients_{next_number()}"

Horovod matches the tensors of different ranks by name, and two that may be in flight together need two names. The names
that Keras gives would differ between a fresh and a reused process, so ours are numbered in the order of the calls.
"""

from __future__ import annotations

import itertools

_numbers = itertools.count(1)


def next_number() -> int:
    """1, 2, 3, …: every rank must ask in the same order."""
    return next(_numbers)


def restart_numbers() -> None:
    """Number from 1 again: a reused process must agree with a fresh one."""
    global _numbers
    _numbers = itertools.count(1)
