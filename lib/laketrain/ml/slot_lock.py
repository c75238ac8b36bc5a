"""A lock on Spark's slots for fits that run at the same time: a barrier stage starts only when all its ranks get a
slot at once.

    with slot_lock(spark.sparkContext, ranks=2):
        train(…)

CrossValidator fits in several threads of one driver. Without the lock, the second fit's ranks would be launched while
those of the first hold the slots, and count as hung when their deadline passes.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from laketrain.distributed.launch.slots import slots_now

_changed = threading.Condition()
_taken: dict[str, int] = {}
"""How many ranks are running, by Spark application."""


@contextmanager
def slot_lock(sc: Any, ranks: int) -> Iterator[None]:
    """Waits until other fits leave `ranks` slots free, and reserves them. A fit that needs more slots than Spark has
    starts when it is alone, so that the launch reports the problem."""
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
