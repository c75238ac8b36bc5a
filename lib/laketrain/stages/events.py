"""Events of a run. A listener is any function of an event.

    Pipeline("conf/mnist.yaml", listener=print)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from laketrain import events
from laketrain.stages.record import Outcome


@dataclass(frozen=True)
class StageStarted:
    """A stage starts on a table."""

    stage: str
    table: str


@dataclass(frozen=True)
class StageEnded:
    """A stage has made a table, or the lake had it."""

    outcome: Outcome


@dataclass(frozen=True)
class Note:
    """Information for the user that doesn't stop the run."""

    text: str


@dataclass(frozen=True)
class RankEvent:
    """An event that a rank, or the driver for rank 0, reports from within a stage."""

    rank: int
    event: events.Event


Event = StageStarted | StageEnded | Note | RankEvent
Listener = Callable[[Event], None]
