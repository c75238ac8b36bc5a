"""A training that was interrupted and resumed equals one that was never interrupted."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from laketrain.distributed.world import World
from laketrain.errors import LakeError
from laketrain.events import EpochEnded, Event
from laketrain.lake import Lake, Version
from laketrain.models.networks import Networks
from laketrain.models.saving import load_model
from laketrain.train import fingerprint_train, timing
from laketrain.train.checkpoint import Checkpoints, State
from laketrain.train.fit import FitTask, fit
from laketrain.train.user_code import pack_user_code
from laketrain.train.weight_sync import weights_digest
from laketrain.workload import Train

pytestmark = pytest.mark.slow
ALONE = World(0, 1)
SLOWING = '''
import keras

class Slowing(keras.callbacks.Callback):
    """Sets the rate once, and counts on it to stay."""

    def on_epoch_end(self, epoch, logs=None):
        if epoch == 0:
            self.model.optimizer.learning_rate = 0.013
'''
BOTH_KINDS_OF_CHANCE = {"model": {"name": "cnn", "filters": 4, "dense": 8, "dropout": 0.4},
                        "augment": {"rotate": 10, "zoom": 0.1, "shift": 1}}
SETTINGS = {
    "sgd": {"optimizer": {"name": "sgd", "learning_rate": 0.1, "momentum": 0.9}},
    "adam, dropout, augmentation": {**BOTH_KINDS_OF_CHANCE, "optimizer": {"name": "adam"}},
    "adamw, cosine": {"optimizer": {"name": "adamw", "learning_rate": 0.01, "schedule": "cosine"}},
}


class Interrupted(Exception):
    pass


class Interrupt:
    """As a report: raises when the given step of the given epoch (or, for step None, the epoch) is done."""

    def __init__(self, epoch: int, step: int | None = None) -> None:
        self.epoch, self.step = epoch, step

    def __call__(self, event: Event) -> None:
        if (getattr(event, "epoch", None), getattr(event, "step", None)) == (self.epoch, self.step):
            raise Interrupted


@pytest.fixture(autouse=True)
def _every_step_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timing, "REPORT_EVERY_S", 0.0)


def silent(event: Event) -> None:
    pass


def checkpoints_of(task: FitTask) -> Checkpoints:
    return Checkpoints(Lake(task.lake), task.name, task.run)


def resumed(task: FitTask) -> FitTask:
    checkpoint = checkpoints_of(task).latest()
    return replace(task, resume=checkpoint.number if checkpoint else None)


def timeless(history: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{key: value for key, value in row.items() if key not in ("seconds", "rows_per_s")} for row in history]


@pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS)
def test_interrupted_and_resumed_is_uninterrupted_bit_for_bit(task_of: Callable[..., FitTask],
                                                              settings: dict[str, Any]) -> None:
    whole = fit(task_of("whole", epochs=4, **settings), ALONE, silent)
    broken = task_of("broken", epochs=4, **settings)
    for interrupt in (Interrupt(epoch=1), Interrupt(epoch=4, step=3)):
        with pytest.raises(Interrupted):
            fit(resumed(broken), ALONE, interrupt)
    mended = fit(resumed(broken), ALONE, silent)
    assert [row["epoch"] for row in mended["history"]] == [1, 2, 3, 4]
    assert timeless(mended["history"]) == timeless(whole["history"])
    assert mended["weights"] == whole["weights"]


def test_a_schedule_continues_where_it_was_whether_resumed_or_not(task_of: Callable[..., FitTask]) -> None:
    task = task_of(epochs=3, optimizer={"name": "sgd", "learning_rate": 0.2, "schedule": "cosine"})
    for end in (Interrupt(epoch=1), Interrupt(epoch=2), silent):
        with suppress(Interrupted):
            fit(resumed(task), ALONE, end)
    networks, state = checkpoints_of(task).load(checkpoints_of(task).latest().number)
    model = networks.predicting
    assert int(model.optimizer.iterations) == 21
    expected = [0.2 * (1 + np.cos(np.pi * step / 21)) / 2 for step in (6, 13, 20)]
    np.testing.assert_allclose([row["learning_rate"] for row in state.history], expected, rtol=1e-6)
    assert float(model.optimizer.learning_rate) == pytest.approx(expected[-1])


def test_a_rate_that_a_callback_has_set_stays_also_where_training_is_resumed(
        task_of: Callable[..., FitTask], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "slowing.py").write_text(SLOWING)
    monkeypatch.syspath_prepend(str(tmp_path))
    settings = {"epochs": 4, "callbacks": ["slowing:Slowing"], "checkpoint_steps": 3}

    def packed(name: str) -> FitTask:
        task = task_of(name, **settings)
        return replace(task, user=pack_user_code(task.config))

    whole = fit(packed("whole"), ALONE, silent)
    assert [row["learning_rate"] for row in whole["history"]] == pytest.approx([0.1, 0.013, 0.013, 0.013])
    broken = packed("broken")
    for interrupt in (Interrupt(epoch=2, step=2), Interrupt(epoch=3, step=5)):
        with pytest.raises(Interrupted):
            fit(resumed(broken), ALONE, interrupt)
    mended = fit(resumed(broken), ALONE, silent)
    assert timeless(mended["history"]) == timeless(whole["history"])
    assert mended["weights"] == whole["weights"]


def test_a_best_epoch_whose_checkpoint_is_gone_is_reported_and_no_other_takes_its_place(
        task_of: Callable[..., FitTask]) -> None:
    """As where another run of the same training has ended meanwhile."""
    settings = {"epochs": 6, "optimizer": {"name": "sgd", "learning_rate": 0.5}, "monitor": "val_accuracy"}
    best = fit(task_of("whole", **settings), ALONE, silent)["best"]["epoch"]
    assert best < 6

    task = task_of(**settings)

    def other(event: Event) -> None:
        if isinstance(event, EpochEnded) and event.epoch == 6:
            checkpoints_of(task).finish()

    with pytest.raises(LakeError, match=rf"the checkpoint of epoch {best}: which is the best, is gone"):
        fit(task, ALONE, other)


@pytest.mark.parametrize("settings", [*SETTINGS.values(), {
    "model": BOTH_KINDS_OF_CHANCE["model"], "optimizer": {"name": "adam", "accumulate": 2, "ema": 0.9},
    "metrics": ["accuracy", "top_3_accuracy"]}], ids=[*SETTINGS, "accumulation and moving mean"])
def test_a_checkpoint_in_the_middle_of_an_epoch_loses_nothing(task_of: Callable[..., FitTask],
                                                              settings: dict[str, Any]) -> None:
    """Seven steps an epoch, a checkpoint every three: after steps 3 and 6 of the first, 2 and 5 of the second."""
    settings = {**settings, "epochs": 3, "checkpoint_steps": 3, "checkpoint_epochs": 3, "restore_best": False}
    whole = fit(task_of("whole", **settings), ALONE, silent)
    broken = task_of("broken", **settings)
    stood = []
    for interrupt in (Interrupt(epoch=1, step=5), Interrupt(epoch=2, step=3), Interrupt(epoch=3, step=7)):
        with pytest.raises(Interrupted):
            fit(resumed(broken), ALONE, interrupt)
        meta = checkpoints_of(broken).latest().entry.meta
        stood.append((meta["epochs"], meta["step"]))
    mended = fit(resumed(broken), ALONE, silent)
    assert stood == [(0, 3), (1, 2), (2, 4)]
    assert timeless(mended["history"]) == timeless(whole["history"])
    assert mended["weights"] == whole["weights"]


def test_the_best_epoch_s_model_is_committed_and_its_checkpoint_outlives_newer_ones(
        task_of: Callable[..., FitTask]) -> None:
    """With a rate that is far too large after some epochs, later ones are worse."""
    settings = {"epochs": 6, "optimizer": {"name": "sgd", "learning_rate": 0.01, "schedule": {
        "name": "linear", "warmup": 5.5}}, "checkpoints": 1}
    task = task_of(**settings, reduce_lr_on_plateau={"patience": 1, "factor": 0.5})
    result = fit(task, ALONE, silent)
    values = [row["val_loss"] for row in result["history"]]
    assert result["best"] == {"epoch": 1 + int(np.argmin(values)), "monitor": "val_loss", "value": min(values),
                              "keep": "best"}
    worse = task_of("worse", epochs=4, optimizer={"name": "sgd", "learning_rate": 8.0, "schedule": {
        "name": "steps", "at": [1.0], "decay": 1.0}}, checkpoints=1)
    worse_result = fit(worse, ALONE, silent)
    losses = [row["val_loss"] for row in worse_result["history"]]
    best = 1 + int(np.argmin(losses))
    assert worse_result["best"]["epoch"] == best
    table = Lake(worse.lake).table("checkpoints", "worse")
    assert sorted({table.get(number).entry.meta["epochs"] for number in table.versions()}) == sorted({best, 4})
    model = load_model(table.get(next(number for number in table.versions()
                                      if table.get(number).entry.meta["epochs"] == best)))
    assert weights_digest(Networks.of(model)) == worse_result["weights"]


def test_a_training_that_was_finished_trains_no_more(task_of: Callable[..., FitTask]) -> None:
    task = task_of()
    first, events = fit(task, ALONE, silent), []
    again = fit(replace(resumed(task), output=""), ALONE, events.append)
    assert events == []
    assert again["weights"] == first["weights"]
    assert again["history"] == first["history"]


def test_finished_trainings_leave_one_empty_version_and_others_keep_theirs(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path / "a lake"))
    table = lake.table("checkpoints", "tiny")
    for run in ("interrupted", "first", "first", "second"):
        with table.stage() as draft:
            lake.store.write(draft.path("model.keras"), b"weights")
            draft.commit(fingerprint=run, meta={"epochs": 1})
    for run in ("first", "second"):
        Checkpoints(lake, "tiny", run).finish()
        assert Checkpoints(lake, "tiny", run).latest() is None
    interrupted, mark = (table.get(number) for number in table.versions())
    assert interrupted.entry.fingerprint == "interrupted" and interrupted.exists()
    assert mark.entry.files == [] and lake.store.list(mark.path(), recursive=True) == []


@pytest.mark.parametrize(("every", "kept"), [(1, [4, 5]), (2, [4, 5]), (3, [3, 5]), (9, [5])])
def test_checkpoints_are_made_as_often_as_asked_and_at_the_end_and_the_last_two_are_kept(
        task_of: Callable[..., FitTask], every: int, kept: list[int]) -> None:
    task = task_of(epochs=5, checkpoint_epochs=every, validation=None)
    fit(task, ALONE, silent)
    lake = Lake(task.lake)
    table = lake.table("checkpoints", "tiny")
    versions = [table.get(number) for number in table.versions()]
    assert [version.entry.meta["epochs"] for version in versions] == kept
    assert all(version.exists() for version in versions)
    data = {info.path.split("/")[3] for info in lake.store.list("checkpoints/tiny/data", recursive=True)}
    assert data == {version.entry.data.split("/")[1] for version in versions}


def test_a_checkpoint_of_another_run_is_neither_found_nor_dropped(task_of: Callable[..., FitTask]) -> None:
    task = task_of(epochs=1)
    fit(task, ALONE, silent)
    other = Checkpoints(Lake(task.lake), "tiny", run="of another config")
    assert other.latest() is None
    networks, _ = checkpoints_of(task).load(1)
    for epochs in range(1, 5):
        other.save(networks, State(epochs=epochs))
    assert other.lake.table("checkpoints", "tiny").versions() == [1, 4, 5]
    assert other.latest().number == 5
    assert checkpoints_of(task).latest().number == 1


@pytest.mark.parametrize(("change", "same"), [
    ({}, True), ({"checkpoint_epochs": 3}, True), ({"max_restarts": 5}, True), ({"deadline_s": 9}, True),
    ({"backend": "tensorflow"}, True),
    ({"seed": 1}, False), ({"epochs": 3}, False), ({"batch": 64}, False), ({"model": {"name": "cnn"}}, False),
    ({"optimizer": {"name": "adam", "schedule": "cosine"}}, False), ({"augment": {"shift": 1}}, False),
    ({"validation": None}, False), ({"lanes": 8}, False), ({"shuffle_window_mb": 1}, False),
], ids=str)
def test_what_shapes_a_model_is_in_its_fingerprint_and_nothing_else(dataset: Version, change: dict[str, Any],
                                                                    same: bool) -> None:
    config = {"model": {"name": "linear"}, "epochs": 2, "batch": 32}
    before, after = (Train.model_validate(settings) for settings in (config, {**config, **change}))
    assert (fingerprint_train(dataset, before) == fingerprint_train(dataset, after)) is same


def test_an_honest_model_comes_back_whole(task_of: Callable[..., FitTask]) -> None:
    task = task_of(model={"name": "cnn", "filters": 2, "dense": 4, "dropout": 0.5},
                   optimizer={"name": "adamw", "schedule": "cosine"}, epochs=1)
    result = fit(task, ALONE, silent)
    lake = Lake(task.lake)
    with lake.table("models", "honest").stage() as draft:
        lake.store.put(lake.store.local(f"{task.output}/model.keras"), draft.path("model.keras"))
        version = draft.commit(stage="train")
    model = load_model(version)
    assert weights_digest(Networks.of(model)) == result["weights"]
    assert type(model.optimizer).__name__ == "AdamW"
    assert int(model.optimizer.iterations) == 7
