"""Where a rank's time goes, epoch by epoch, and when it last spoke.

    with clock.waits(): batch = next(batches)
    with clock.computes(): steps.train(*batch)
    clock.lap(averaging=0.5)     # {"waiting_s": 0.1, "computing_s": 4.2, "averaging_s": 0.5}, since the last lap
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from laketrain.events import Event, Report

REPORT_EVERY_S = 0.25


class Clock:
    """Seconds that a rank waited for data, and computed (the averaging of gradients included), in all."""

    def __init__(self) -> None:
        self.waiting = self.computing = 0.0
        self._lapped = (0.0, 0.0, 0.0)
        self._spoke = 0.0

    @contextmanager
    def waits(self) -> Iterator[None]:
        started = time.monotonic()
        yield
        self.waiting += time.monotonic() - started

    @contextmanager
    def computes(self) -> Iterator[None]:
        started = time.monotonic()
        yield
        self.computing += time.monotonic() - started

    def lap(self, averaging: float) -> dict[str, float]:
        """The seconds since the last lap. `averaging` are those that the optimizer averaged in all, waiting for other
        ranks included; they are no longer a part of computing."""
        now = (self.waiting, self.computing, averaging)
        waiting, computing, averaged = (end - start for end, start in zip(now, self._lapped, strict=True))
        self._lapped = now
        return {"waiting_s": waiting, "computing_s": computing - averaged, "averaging_s": averaged}

    def tell(self, report: Report, event: Callable[[], Event]) -> None:
        """Reports, unless that was done just now."""
        if time.monotonic() - self._spoke >= REPORT_EVERY_S:
            self._spoke = time.monotonic()
            report(event())
