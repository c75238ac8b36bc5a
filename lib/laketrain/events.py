"""Events that a stage reports while it runs, from any rank or from the driver. They travel as JSON.

    report(StepEnded(epoch=2, step=7, epochs=5, steps=60, logs={"loss": 0.31}))
    event_to_dict(Hint("bfloat16"))                        ->  {"kind": "hint", "text": "bfloat16"}
    event_from_dict({"kind": "hint", "text": "bfloat16"})  ->  Hint(text="bfloat16")
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

Logs = Mapping[str, Any]
"""Loss, metrics and timings by name, as Keras passes them to callbacks."""


@dataclass(frozen=True)
class Hint:
    """Information for the user that doesn't stop the run."""

    text: str


@dataclass(frozen=True)
class Resumed:
    """Training continues from `checkpoint`, after `epoch` epochs and `step` steps of the next."""

    checkpoint: str
    epoch: int
    step: int = 0


@dataclass(frozen=True)
class Restarted:
    """The ranks are launched again after a failure, for the `attempt`-th time of at most `max_restarts`."""

    attempt: int
    max_restarts: int
    cause: str


@dataclass(frozen=True)
class StepEnded:
    """A train step has ended. Counts are from 1. Rank 0 also reports the totals and `logs`."""

    epoch: int
    step: int
    epochs: int | None = None
    steps: int | None = None
    logs: Logs = field(default_factory=dict)


@dataclass(frozen=True)
class ValidationStepEnded:
    """A step of the validation after `epoch` has ended."""

    epoch: int


@dataclass(frozen=True)
class EpochEnded:
    """An epoch has ended, with its validation. Counts are from 1; `logs` is the epoch's row of the history."""

    epoch: int
    epochs: int
    logs: Logs = field(default_factory=dict)


@dataclass(frozen=True)
class RowsScored:
    """A rank has scored `rows` of its `total` rows."""

    rows: int
    total: int


Event = Hint | Resumed | Restarted | StepEnded | ValidationStepEnded | EpochEnded | RowsScored

Report = Callable[[Event], None]
OnEvent = Callable[[int, Event], None]
"""Called with the rank that reported, and the event."""

_CLASSES: dict[str, type[Event]] = {
    "hint": Hint, "resume": Resumed, "restart": Restarted, "step": StepEnded, "validation": ValidationStepEnded,
    "epoch": EpochEnded, "rows": RowsScored,
}
_KINDS = {cls: kind for kind, cls in _CLASSES.items()}


def event_to_dict(event: Event) -> dict[str, Any]:
    """The event's `kind` and its fields, without those that are None or empty."""
    values = {each.name: getattr(event, each.name) for each in fields(event)}
    return {"kind": _KINDS[type(event)], **{name: value for name, value in values.items() if value not in (None, {})}}


def event_from_dict(values: Mapping[str, Any]) -> Event | dict[str, Any]:
    """The event of a `kind` above; any other dictionary is returned unchanged.

    Raises:
        TypeError: the fields aren't those of its kind.
    """
    cls = _CLASSES.get(str(values.get("kind")))
    return dict(values) if cls is None else cls(**{name: value for name, value in values.items() if name != "kind"})
