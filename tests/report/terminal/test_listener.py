"""The terminal shows values from data and settings literally, not as rich markup."""

from __future__ import annotations

import io
from dataclasses import replace
from typing import Any

import pytest
from rich.console import Console
from tests.small import Small

from laketrain.events import EpochEnded, Resumed
from laketrain.lake import Version
from laketrain.report.terminal import Terminal
from laketrain.stages import Outcome, RankEvent, StageEnded

pytestmark = pytest.mark.slow


@pytest.fixture
def terminal() -> Terminal:
    return Terminal(Console(file=io.StringIO(), width=200))


def printed(terminal: Terminal) -> str:
    file = terminal.console.file
    assert isinstance(file, io.StringIO)
    return file.getvalue()


def with_meta(version: Version, **meta: Any) -> Version:
    return replace(version, entry=version.entry.model_copy(update={"meta": {**version.entry.meta, **meta}}))


@pytest.mark.parametrize("cell", ["[/b]", "[bold]a17", "[/]", "[red]x[/red]", "é [link=https://x]"])
def test_values_from_data_are_shown_literally(finished: Small, terminal: Terminal, cell: str) -> None:
    version = finished.lake.table("features", "small").latest()
    assert version is not None
    leak = f"1 value of key stands in train and val, e.g. {cell!r}"
    terminal(StageEnded(Outcome("convert", with_meta(version, leaks=[leak]), False, 1.0)))
    assert leak in printed(terminal)
    assert "The model has seen them in training, so its metrics are too good." in printed(terminal)


def test_small_losses_and_names_of_checkpoints_are_shown_exactly(terminal: Terminal) -> None:
    terminal(RankEvent(0, Resumed("checkpoints/[b]@3", epoch=1)))
    terminal(RankEvent(0, EpochEnded(2, 3, {"loss": 0.00002, "rows_per_s": 5.0})))
    assert "from checkpoints/[b]@3" in printed(terminal)
    assert "loss 2e-05" in printed(terminal)
