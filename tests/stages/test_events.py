"""What ranks send as JSON becomes events of one type each."""

from __future__ import annotations

from typing import Any

import pytest

from laketrain.stages import EpochEnded, Event, Hint, RankProgress, RanksRestarted, StepEnded, TrainingResumed
from laketrain.stages.events import parse_rank_event


@pytest.mark.parametrize(("fields", "event"), [
    ({"kind": "hint", "text": "slow"}, Hint("slow")),
    ({"kind": "step", "epoch": 1, "epochs": 3, "step": 2, "steps": 9, "loss": 0.5, "rows_per_s": 10.0},
     StepEnded(2, 1, 3, 2, 9, {"loss": 0.5, "rows_per_s": 10.0})),
    ({"kind": "epoch", "epoch": 1, "epochs": 3, "loss": 0.5}, EpochEnded(2, 1, 3, {"loss": 0.5})),
    ({"kind": "resume", "epoch": 1, "checkpoint": "checkpoints/a@1"}, TrainingResumed(1, 0, "checkpoints/a@1")),
    ({"kind": "resume", "epoch": 1, "step": 4, "checkpoint": "checkpoints/a@1"},
     TrainingResumed(1, 4, "checkpoints/a@1")),
    ({"kind": "restart", "attempt": 1, "of": 2, "cause": "killed"}, RanksRestarted(1, 2, "killed")),
    ({"kind": "step", "epoch": 1, "step": 2}, RankProgress(2, {"kind": "step", "epoch": 1, "step": 2})),
    ({"kind": "rows", "rows": 5, "of": 9}, RankProgress(2, {"kind": "rows", "rows": 5, "of": 9})),
    ({}, RankProgress(2, {})),
])
def test_fields_become_an_event(fields: dict[str, Any], event: Event) -> None:
    assert parse_rank_event(2, fields) == event
