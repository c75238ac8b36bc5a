"""The page on code of your own: its models, loss, train step and tasks run as written."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from tests import tiny

from laketrain.distributed import World
from laketrain.features import FeatureSet
from laketrain.lake import Lake, Version
from laketrain.tasks import TASKS
from laketrain.train.fit import FitTask, fit
from laketrain.train.user_code import pack_user_code
from laketrain.workload import Train

pytestmark = pytest.mark.slow
PAGE = (Path(__file__).parents[2] / "docs" / "how-to" / "own-code.md").read_text("utf-8")


def snippet(language: str, text: str) -> str:
    """The only snippet of the page that contains the text."""
    [code] = [code for code in re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL) if text in code]
    return str(code)


@pytest.fixture
def dataset(tmp_path: Path) -> Version:
    return tiny.commit_tiny(Lake(tmp_path / "lake"))


@pytest.fixture
def write_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str, str], None]]:
    """Writes a module that can be imported until the test is over."""
    monkeypatch.syspath_prepend(str(tmp_path))
    names = []

    def write(name: str, code: str) -> None:
        (tmp_path / f"{name}.py").write_text(code, "utf-8")
        names.append(name)

    yield write
    for name in names:
        sys.modules.pop(name, None)


def train(dataset: Version, settings: dict[str, Any]) -> dict[str, Any]:
    """The only epoch of a training of one rank."""
    config = Train.model_validate({"epochs": 1, "batch": 32, **settings})
    task = FitTask(dataset.lake.url, dataset.ref, config, "tiny", run="a run", output="fitted/tiny",
                   user=pack_user_code(config))
    [epoch] = fit(task, World(0, 1), lambda event: None)["history"]
    return dict(epoch)


def test_the_model_is_trained(dataset: Version, write_module: Callable[[str, str], None]) -> None:
    write_module("my_models", snippet("python", "def small_net"))
    assert train(dataset, yaml.safe_load(snippet("yaml", "small_net")))["loss"] > 0


def test_the_train_step_trains_both_networks(dataset: Version, write_module: Callable[[str, str], None]) -> None:
    write_module("with_critic", snippet("python", "def pair") + "\n\n" + snippet("python", "class Adversarial"))
    epoch = train(dataset, yaml.safe_load(snippet("yaml", "with_critic"))["train"])
    assert {"loss", "critic_loss", "accuracy", "val_loss"} <= set(epoch)


def test_the_tasks_are_registered_with_their_losses(
        write_module: Callable[[str, str], None], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(TASKS, "_parts", dict(TASKS._parts))
    exec(snippet("python", 'losses = ("huber", "mae")'), {})
    assert TASKS["prices"].losses == ("huber", "mae")
    monkeypatch.setattr(TASKS, "_parts", {name: part for name, part in TASKS._parts.items() if name != "prices"})
    write_module("my_losses", snippet("python", "def pseudo_huber"))
    exec(snippet("python", "import my_losses"), {})
    feature = FeatureSet.model_validate({"price": {"kind": "value", "columns": ["price"]}})["price"]
    task: Any = TASKS["prices"]
    loss = task.row_loss(task.loss_name("value", "auto"), feature, None, False)
    truth, predictions = np.array([[0.0], [2.0]], np.float32), np.array([[0.0], [0.0]], np.float32)
    np.testing.assert_allclose(loss(truth, predictions), [0, np.sqrt(5) - 1], rtol=1e-6)
