"""Fits that run side by side wait for slots: a barrier stage starts only when all its ranks find one at once.

    with turn(spark.sparkContext, ranks=2):
        train(…)

CrossValidator fits in several threads of one driver. Without turns, the second fit's ranks would be launched while the
first one's hold the slots, and be taken for hung when their deadline passes.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from laketrain.distributed.launch.slots import slots_now

_changed = threading.Condition()
_taken: dict[str, int] = {}
"""Ranks at work, by Spark application."""


@contextmanager
def turn(sc: Any, ranks: int) -> Iterator[None]:
    """Waits until `ranks` slots are free of other fits' ranks, and holds them inside. What is too much for Spark at any
    time begins at once, alone: the launch says what is wrong with it."""
    application = sc.applicationId
    with _changed:
        _changed.wait_for(lambda: not _taken.get(application) or _taken[application] + ranks <= slots_now(sc))
        _taken[application] = _taken.get(application, 0) + ranks
    try:
        yield
    finally:
        with _changed:
            _taken[application] -= ranks
            _changed.notify_all()
