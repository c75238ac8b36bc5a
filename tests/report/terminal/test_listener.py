"""What the terminal shows of data and settings is text, whatever rich would make of it."""

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


def said(terminal: Terminal) -> str:
    file = terminal.console.file
    assert isinstance(file, io.StringIO)
    return file.getvalue()


def with_meta(version: Version, **meta: Any) -> Version:
    return replace(version, entry=version.entry.model_copy(update={"meta": {**version.entry.meta, **meta}}))


@pytest.mark.parametrize("cell", ["[/b]", "[bold]a17", "[/]", "[red]x[/red]", "é [link=https://x]"])
def test_a_value_of_the_data_is_shown_as_it_is(finished: Small, terminal: Terminal, cell: str) -> None:
    version = finished.lake.table("features", "small").latest()
    assert version is not None
    leak = f"1 value of key stands in train and val, e.g. {cell!r}"
    terminal(StageEnded(Outcome("convert", with_meta(version, leaks=[leak]), False, 1.0)))
    assert leak in said(terminal)
    assert "What the model was shown of them it knows again, so figures flatter it." in said(terminal)


def test_small_losses_and_checkpoints_are_told_as_they_are(terminal: Terminal) -> None:
    terminal(RankEvent(0, Resumed("checkpoints/[b]@3", epoch=1)))
    terminal(RankEvent(0, EpochEnded(2, 3, {"loss": 0.00002, "rows_per_s": 5.0})))
    assert "from checkpoints/[b]@3" in said(terminal)
    assert "loss 2e-05" in said(terminal)
