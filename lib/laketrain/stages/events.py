"""What a run reports while it goes on. A listener is any function of an event.

    Pipeline("conf/mnist.yaml", listener=print)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from laketrain.stages.record import Outcome


@dataclass(frozen=True)
class StageStarted:
    """A stage starts on a table."""

    stage: str
    table: str


@dataclass(frozen=True)
class StageEnded:
    """A stage has made or found a table."""

    outcome: Outcome


@dataclass(frozen=True)
class RankEvent:
    """A rank reports its progress: `event["kind"]` is epoch, step, hint, resume or restart."""

    rank: int
    event: dict[str, Any]


@dataclass(frozen=True)
class Note:
    """Something that should be known, and stops nothing."""

    text: str


Event = StageStarted | StageEnded | RankEvent | Note
Listener = Callable[[Event], None]
