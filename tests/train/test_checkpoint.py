"""Interrupted and resumed is as if never interrupted; what lies in a checkpoint runs no code."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from laketrain.config.train import Train
from laketrain.distributed.world import World
from laketrain.errors import LakeError
from laketrain.imports import import_tensorflow
from laketrain.lake import Lake, Version
from laketrain.train import fingerprint_train
from laketrain.train import fit as fitting
from laketrain.train.checkpoint import Checkpoints, State, load_model
from laketrain.train.fit import FitTask, fit

pytestmark = pytest.mark.slow
ALONE = World(0, 1)
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

    def __call__(self, event: dict[str, Any]) -> None:
        if event["epoch"] == self.epoch and event.get("step") == self.step:
            raise Interrupted


@pytest.fixture(autouse=True)
def _every_step_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fitting, "REPORT_EVERY_S", 0.0)


def silent(event: dict[str, Any]) -> None:
    pass


def checkpoints_of(task: FitTask) -> Checkpoints:
    return Checkpoints(Lake(task.lake), task.name, task.run)


def resumed(task: FitTask) -> FitTask:
    found = checkpoints_of(task).latest()
    return replace(task, resume=found.number if found else None)


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


def test_a_cosine_schedule_ends_at_zero_whether_resumed_or_not(task_of: Callable[..., FitTask]) -> None:
    task = task_of(epochs=3, optimizer={"name": "sgd", "learning_rate": 0.2, "schedule": "cosine"})
    rates = []
    for end in (Interrupt(epoch=1), Interrupt(epoch=2), silent):
        with suppress(Interrupted):
            fit(resumed(task), ALONE, end)
        model, state = checkpoints_of(task).load(checkpoints_of(task).latest().number)
        assert int(model.optimizer.iterations) == state.epochs * 7
        rates.append(float(model.optimizer.learning_rate))
    wanted = [0.2 * (1 + np.cos(np.pi * done / 3)) / 2 for done in (1, 2, 3)]
    np.testing.assert_allclose(rates, wanted, atol=1e-6)


def test_a_training_that_was_finished_trains_no_more(task_of: Callable[..., FitTask]) -> None:
    task = task_of()
    first, events = fit(task, ALONE, silent), []
    again = fit(replace(resumed(task), output=""), ALONE, events.append)
    assert events == []
    assert again["weights"] == first["weights"]
    assert again["history"] == first["history"]


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
    model, _ = checkpoints_of(task).load(1)
    for epochs in range(1, 5):
        other.save(model, State(epochs=epochs))
    assert other.lake.table("checkpoints", "tiny").versions() == [1, 4, 5]
    assert other.latest().number == 5
    assert checkpoints_of(task).latest().number == 1


@pytest.mark.parametrize(("change", "same"), [
    ({}, True), ({"checkpoint_epochs": 3}, True), ({"max_restarts": 5}, True), ({"deadline_s": 9}, True),
    ({"seed": 1}, False), ({"epochs": 3}, False), ({"batch": 64}, False), ({"model": {"name": "cnn"}}, False),
    ({"optimizer": {"name": "adam", "schedule": "cosine"}}, False), ({"augment": {"shift": 1}}, False),
    ({"validation": None}, False), ({"lanes": 8}, False), ({"shuffle_window_mb": 1}, False),
], ids=str)
def test_what_shapes_a_model_is_in_its_fingerprint_and_nothing_else(dataset: Version, change: dict[str, Any],
                                                                    same: bool) -> None:
    config = {"model": {"name": "linear"}, "epochs": 2, "batch": 32}
    before, after = (Train.model_validate(settings) for settings in (config, {**config, **change}))
    assert (fingerprint_train(dataset, before) == fingerprint_train(dataset, after)) is same


# ---- hostile models


def version_with(lake: Lake, content: Path) -> Version:
    """`models/hostile` whose model.keras is this file."""
    with lake.table("models", "hostile").stage() as draft:
        lake.store.put(str(content), draft.path("model.keras"))
        return draft.commit(stage="train")


def lambda_model(path: Path, proof: Path) -> None:
    import keras

    def attack(tensor: Any, proof: str = str(proof)) -> Any:
        open(proof, "w").close()
        return tensor

    model = keras.Sequential([keras.Input((2,)), keras.layers.Lambda(lambda tensor: attack(tensor))])
    model.save(path)
    proof.unlink()  # building it ran it


def patched(path: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """A model of one dense layer whose config.json was tampered with."""
    import keras

    plain = path.with_name("plain.keras")
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1, name="victim")])
    model.compile("sgd", "mse")
    model.save(plain)
    with zipfile.ZipFile(plain) as source, zipfile.ZipFile(path, "w") as target:
        for name in source.namelist():
            content = source.read(name)
            if name == "config.json":
                config = json.loads(content)
                change(config)
                content = json.dumps(config).encode()
            target.writestr(name, content)


def dense_of(config: dict[str, Any]) -> dict[str, Any]:
    [layer] = [layer for layer in config["config"]["layers"] if layer["class_name"] == "Dense"]
    return layer


def function_of_os(path: Path, proof: Path) -> None:
    def change(config: dict[str, Any]) -> None:
        dense_of(config)["config"]["activation"] = {"module": "os", "class_name": "function", "config": "system",
                                                    "registered_name": "system"}
    patched(path, change)


def class_of_subprocess(path: Path, proof: Path) -> None:
    def change(config: dict[str, Any]) -> None:
        dense_of(config).update(module="subprocess", class_name="Popen", registered_name="Popen",
                                config={"args": ["touch", str(proof)]})
    patched(path, change)


def loss_of_subprocess(path: Path, proof: Path) -> None:
    def change(config: dict[str, Any]) -> None:
        config["compile_config"]["loss"] = {"module": "subprocess", "class_name": "Popen", "registered_name": "Popen",
                                            "config": {"args": ["touch", str(proof)]}}
    patched(path, change)


def unsafe_mode_switched_on(path: Path, proof: Path) -> None:
    def change(config: dict[str, Any]) -> None:
        dense_of(config).update(module="keras.config", class_name="function", config="enable_unsafe_deserialization",
                                registered_name="enable_unsafe_deserialization")
    patched(path, change)


def lambda_of_a_known_function(path: Path, proof: Path) -> None:
    def change(config: dict[str, Any]) -> None:
        known = {"module": "keras.ops", "class_name": "function", "config": "relu", "registered_name": "relu"}
        dense_of(config).update(module="keras.layers", class_name="Lambda",
                                config={"name": "victim", "function": known, "arguments": {}})
    patched(path, change)


def pickle_in_disguise(path: Path, proof: Path) -> None:
    import pickle

    class Attack:
        def __reduce__(self) -> Any:
            return open, (str(proof), "w")

    path.write_bytes(pickle.dumps(Attack()))


def h5_in_disguise(path: Path, proof: Path) -> None:
    import keras

    old = path.with_name("old.h5")
    keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)]).save(old)
    old.rename(path)


@pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file")
@pytest.mark.parametrize("hostile", [
    lambda_model, function_of_os, class_of_subprocess, loss_of_subprocess, unsafe_mode_switched_on,
    lambda_of_a_known_function, pickle_in_disguise, h5_in_disguise,
], ids=lambda hostile: hostile.__name__)
def test_a_hostile_model_is_refused_and_nothing_of_it_is_executed(tmp_path: Path,
                                                                  hostile: Callable[[Path, Path], None]) -> None:
    import_tensorflow()
    import keras

    proof = tmp_path / "proof"
    hostile(tmp_path / "hostile.keras", proof)
    version = version_with(Lake(tmp_path / "lake"), tmp_path / "hostile.keras")
    with pytest.raises(LakeError) as caught:
        load_model(version)
    assert caught.value.subject == "models/hostile@1, model.keras"
    assert not proof.exists()
    assert keras.src.saving.serialization_lib.in_safe_mode() is not False


def test_an_honest_model_comes_back_whole(task_of: Callable[..., FitTask]) -> None:
    task = task_of(model={"name": "cnn", "filters": 2, "dense": 4, "dropout": 0.5},
                   optimizer={"name": "adamw", "schedule": "cosine"}, epochs=1)
    result = fit(task, ALONE, silent)
    lake = Lake(task.lake)
    model = load_model(version_with(lake, Path(lake.store.local(f"{task.output}/model.keras"))))
    assert fitting.weights_digest(model) == result["weights"]
    assert type(model.optimizer).__name__ == "AdamW"
    assert int(model.optimizer.iterations) == 7
