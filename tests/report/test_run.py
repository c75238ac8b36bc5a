"""The run of a report: its versions and their ancestors."""

from __future__ import annotations

from pathlib import Path

from laketrain.report.run import Run, parents_of

from .lakes import build


def test_a_run_knows_what_its_stages_made(tmp_path: Path) -> None:
    built = build(tmp_path)
    run = Run(built.lake, built.record)
    assert run.last("train") == run.model == built.version("train")
    assert run.dataset == built.version("convert")
    assert run.last("profile") is None
    assert parents_of(built.version("evaluate")) == ["features/shapes@1", "models/shapes@1"]


def test_ancestors_are_in_the_order_of_the_stages(tmp_path: Path) -> None:
    built = build(tmp_path)
    run = Run(built.lake, built.upto("train"))
    refs = [version.ref for version in run.history]
    assert refs == ["raw/pixels@1", "clean/pixels@1", "features/shapes@1", "models/shapes@1"]


def test_a_version_has_its_quarantine(tmp_path: Path) -> None:
    built = build(tmp_path)
    quarantine = Run(built.lake, built.record).quarantine(built.version("clean"))
    assert quarantine is not None and quarantine.ref == "quarantine/pixels@1"
