"""Events are read back from JSON unchanged."""

from __future__ import annotations

import json
from typing import Any

import pytest

from laketrain.events import (
    EpochEnded,
    Event,
    Hint,
    Restarted,
    Resumed,
    RowsScored,
    StepEnded,
    ValidationStepEnded,
    event_from_dict,
    event_to_dict,
)


@pytest.mark.parametrize("event", [
    Hint("bfloat16"), Resumed("checkpoints/mnist@3", 2), Restarted(1, 3, "killed"), StepEnded(1, 7),
    StepEnded(1, 7, 5, 60, {"loss": 0.5}), ValidationStepEnded(2), EpochEnded(2, 5, {"epoch": 2, "loss": 0.25}),
    RowsScored(16, 31),
])
def test_an_event_survives_json(event: Event) -> None:
    assert event_from_dict(json.loads(json.dumps(event_to_dict(event)))) == event


@pytest.mark.parametrize("values", [{}, {"pid": 3}, {"kind": "of another program", "text": "x"}, {"kind": 3}])
def test_a_dictionary_of_another_kind_stays_a_dictionary(values: dict[str, Any]) -> None:
    assert event_from_dict(values) == values


@pytest.mark.parametrize("values", [{"kind": "hint"}, {"kind": "hint", "text": "x", "colour": "red"}])
def test_other_fields_than_those_of_the_kind_are_refused(values: dict[str, Any]) -> None:
    with pytest.raises(TypeError):
        event_from_dict(values)
