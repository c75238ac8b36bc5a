"""The tables of docs/reference/metrics.md have the metrics and losses of the tasks."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from laketrain.tasks import TASKS, default_task

PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "metrics.md").read_text("utf-8")
EVALUATION, TRAINING = PAGE.split("## Losses and metrics of training")
KINDS = sorted({kind for task in TASKS.values() for kind in task.default_of})


def cells_of(kind: str, section: str) -> list[list[str]]:
    """The names in back quotes, by column, of the section's row for a kind of target."""
    rows = [row.strip("|").split("|") for row in re.findall(r"^\|.*\|$", section, re.MULTILINE)]
    [cells] = [cells for cells in rows if f"`{kind}`" in cells[0]]
    return [re.findall(r"`(\w+)`", cell) for cell in cells]


@pytest.mark.parametrize("kind", [kind for kind in KINDS if default_task(kind).metrics])
def test_a_kind_of_target_has_its_metrics_of_the_evaluation_and_its_baselines(kind: str) -> None:
    _, metrics, _, baselines = cells_of(kind, EVALUATION)
    assert sorted(metrics) == sorted(default_task(kind).metrics)
    assert sorted(baselines) == sorted(default_task(kind).baselines)


@pytest.mark.parametrize("kind", KINDS)
def test_a_kind_of_target_has_its_losses_and_metrics_of_training_in_order(kind: str) -> None:
    _, losses, metrics = cells_of(kind, TRAINING)
    assert losses == list(default_task(kind).losses)
    assert metrics == list(default_task(kind).training_metrics)
