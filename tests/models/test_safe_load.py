"""A model file that contains code is refused, and none of it runs."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from laketrain.errors import LakeError
from laketrain.imports import import_tensorflow
from laketrain.lake import Lake, Version
from laketrain.models.saving import load_model

pytestmark = pytest.mark.slow


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

    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1, name="victim")])
    model.compile("sgd", "mse")
    saved_and_patched(model, path, change)


def saved_and_patched(model: Any, path: Path, change: Callable[[dict[str, Any]], None]) -> None:
    plain = path.with_name("plain.keras")
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
        function = {"module": "keras.ops", "class_name": "function", "config": "relu", "registered_name": "relu"}
        dense_of(config).update(module="keras.layers", class_name="Lambda",
                                config={"name": "victim", "function": function, "arguments": {}})
    patched(path, change)


def lambda_by_a_dotted_name(path: Path, proof: Path) -> None:
    import keras

    def change(config: dict[str, Any]) -> None:
        [layer] = [layer for layer in config["config"]["layers"] if layer["class_name"] == "Lambda"]
        layer.update(module="keras", class_name="layers.Lambda", registered_name=None)
    relu = keras.layers.Lambda(keras.activations.relu)
    saved_and_patched(keras.Sequential([keras.Input((2,)), keras.layers.Dense(1), relu]), path, change)


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
    lambda_of_a_known_function, lambda_by_a_dotted_name, pickle_in_disguise, h5_in_disguise,
], ids=lambda hostile: hostile.__name__)
def test_a_hostile_model_is_refused_and_not_executed(tmp_path: Path,
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
