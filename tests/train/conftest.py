from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests import tiny

from laketrain.config.train import Train
from laketrain.lake import Lake, Version
from laketrain.train.fit import FitTask

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
