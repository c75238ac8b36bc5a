"""Where the time of a rank goes."""

from __future__ import annotations

from typing import Any

import pytest

from laketrain.train import timing
from laketrain.train.timing import StepTimer


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(timing, "time", clock)
    return clock


def test_a_lap_has_the_seconds_since_the_last_one(clock: Clock) -> None:
    timer = StepTimer()
    with timer.waiting():
        clock.now += 1
    with timer.computing():
        clock.now += 5
    assert timer.lap(averaging=2.0) == {"waiting_s": 1, "computing_s": 3, "averaging_s": 2}
    with timer.computing():
        clock.now += 4
    assert timer.lap(averaging=2.5) == {"waiting_s": 0, "computing_s": 3.5, "averaging_s": 0.5}


def test_reports_are_limited(clock: Clock) -> None:
    timer, reported = StepTimer(), list[Any]()
    event: Any = object()
    for _ in range(4):
        timer.report(reported.append, lambda: event)
        clock.now += 0.1
    assert len(reported) == 2
