"""Where a rank's time goes, epoch by epoch, and when it last reported.

    with timer.waiting(): batch = next(batches)
    with timer.computing(): step.train(*batch)
    timer.lap(averaging=0.5)     # {"waiting_s": 0.1, "computing_s": 4.2, "averaging_s": 0.5}, since the last lap
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from laketrain.events import Event, Report

REPORT_EVERY_S = 0.25


class StepTimer:
    """Attributes:
        waiting_s: seconds that this rank has waited for data.
        computing_s: seconds that it has computed, averaging of gradients included.
    """

    def __init__(self) -> None:
        self.waiting_s = self.computing_s = 0.0
        self._last_lap = (0.0, 0.0, 0.0)
        self._last_report = 0.0

    @contextmanager
    def waiting(self) -> Iterator[None]:
        started = time.monotonic()
        yield
        self.waiting_s += time.monotonic() - started

    @contextmanager
    def computing(self) -> Iterator[None]:
        started = time.monotonic()
        yield
        self.computing_s += time.monotonic() - started

    def lap(self, averaging: float) -> dict[str, float]:
        """The seconds since the last lap.

        Args:
            averaging: seconds so far in which the optimizers averaged gradients or waited for other ranks to do so.
                They are subtracted from computing.
        """
        now = (self.waiting_s, self.computing_s, averaging)
        waiting, computing, averaged = (end - start for end, start in zip(now, self._last_lap, strict=True))
        self._last_lap = now
        return {"waiting_s": waiting, "computing_s": computing - averaged, "averaging_s": averaged}

    def report(self, report: Report, event: Callable[[], Event]) -> None:
        """Reports `event()`, at most once in `REPORT_EVERY_S`."""
        if time.monotonic() - self._last_report >= REPORT_EVERY_S:
            self._last_report = time.monotonic()
            report(event())
