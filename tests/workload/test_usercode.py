"""Functions that a workload names are looked up when it is checked."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from laketrain.errors import Problem


@pytest.mark.parametrize(("setting", "where"), [
    ("train.loss={use: 'looked_up:dubble'}", "train.loss"),
    ("train.loss={label: {use: 'looked_up:dubble'}}", "train.loss"),
    ("train.callbacks=['looked_up:double', 'looked_up:dubble']", "train.callbacks"),
    ("train.step='looked_up:dubble'", "train.step"),
])
def test_the_functions_that_training_calls_are_looked_up_before_anything_runs(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch, problems: Callable[..., list[Problem]], digits: str,
        setting: str, where: str) -> None:
    (tmp_path / "looked_up.py").write_text("def double(frame):\n    return frame\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    [problem] = problems(digits, [setting])
    assert problem.where == f"--set {where}"
    assert problem.problem == "module 'looked_up' has no function 'dubble'"
    assert problems(digits, [setting.replace("dubble", "double")]) == []
