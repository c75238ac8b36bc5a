from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests import tiny

from laketrain.lake import Lake, Version
from laketrain.train.fit import FitTask
from laketrain.workload import Train

LINEAR = {"name": "linear"}
SGD = {"name": "sgd", "learning_rate": 0.1}


@pytest.fixture
def dataset(tmp_path: Path) -> Version:
    """`features/tiny@1`."""
    return tiny.commit_tiny(Lake(tmp_path / "lake"))


@pytest.fixture
def task_of(dataset: Version) -> Callable[..., FitTask]:
    """Makes a task on the tiny dataset: keywords of the YAML's train section, and `name` for another name."""

    def task(name: str = "tiny", **settings: Any) -> FitTask:
        small = {"model": LINEAR, "optimizer": SGD, "epochs": 2, "batch": 32, "seed": 3}
        config = Train.model_validate({**small, **settings})
        return FitTask(dataset.lake.url, dataset.ref, config, name, run=f"run of {name}", output=f"fitted/{name}")

    return task


@pytest.fixture
def importable(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Path, str], None]]:
    """Writes a user's module to a file whose folder is on the path until the test is over."""
    made = []

    def write(file: Path, source: str) -> None:
        file.parent.mkdir()
        file.write_text(source)
        monkeypatch.syspath_prepend(str(file.parent))
        made.append(file.stem)

    yield write
    for name in made:
        sys.modules.pop(name, None)
