"""What a run reports while it goes on. A listener is any function of an event.

    Pipeline("conf/mnist.yaml", listener=print)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
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
class Note:
    """Something that should be known, and stops nothing."""

    text: str


@dataclass(frozen=True)
class Hint:
    """As Note, from within the work of a stage."""

    text: str


@dataclass(frozen=True)
class StepEnded:
    """A rank has done a training step of `steps` in an epoch of `epochs`, both counted from 1. `figures` are its loss
    and metrics, and `rows_per_s`."""

    rank: int
    epoch: int
    epochs: int
    step: int
    steps: int
    figures: Mapping[str, Any]


@dataclass(frozen=True)
class EpochEnded:
    """A rank has done an epoch of `epochs`, counted from 1. `figures` are its loss and metrics, `seconds`, `rows_per_s`
    and `learning_rate`."""

    rank: int
    epoch: int
    epochs: int
    figures: Mapping[str, Any]


@dataclass(frozen=True)
class TrainingResumed:
    """A training continues from a checkpoint: after `epoch` epochs and `step` steps of the next."""

    epoch: int
    step: int
    checkpoint: str


@dataclass(frozen=True)
class RanksRestarted:
    """The ranks are launched again after a failure, for the `attempt`th time of at most `attempts`."""

    attempt: int
    attempts: int
    cause: str


@dataclass(frozen=True)
class RankProgress:
    """Any other progress of a rank, as it reports it."""

    rank: int
    fields: Mapping[str, Any]


Event = (StageStarted | StageEnded | Note | Hint | StepEnded | EpochEnded | TrainingResumed | RanksRestarted
         | RankProgress)
Listener = Callable[[Event], None]


def parse_rank_event(rank: int, fields: Mapping[str, Any]) -> Event:
    """The event that a rank, or the driver in its place, sends as JSON: `{"kind": "epoch", "epoch": 1, …}`."""
    match fields:
        case {"kind": "hint", "text": text}:
            return Hint(text)
        case {"kind": "step", "epoch": epoch, "epochs": epochs, "step": step, "steps": steps, **figures}:
            return StepEnded(rank, epoch, epochs, step, steps, figures)
        case {"kind": "epoch", "epoch": epoch, "epochs": epochs, **figures}:
            return EpochEnded(rank, epoch, epochs, figures)
        case {"kind": "resume", "epoch": epoch, "checkpoint": checkpoint}:
            return TrainingResumed(epoch, fields.get("step") or 0, checkpoint)
        case {"kind": "restart", "attempt": attempt, "of": attempts, "cause": cause}:
            return RanksRestarted(attempt, attempts, cause)
    return RankProgress(rank, fields)
