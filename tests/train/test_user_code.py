"""What users bring: a model to begin with, layers to leave alone, losses, callbacks and steps of their own."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from laketrain.distributed import World, launch
from laketrain.errors import DataError, LakeError, LaketrainError
from laketrain.events import Event, Hint, Restarted, Resumed
from laketrain.imports import import_tensorflow
from laketrain.lake import Lake, Version
from laketrain.models.networks import Networks
from laketrain.models.saving import save_networks
from laketrain.train import fingerprint_train, train
from laketrain.train.fit import FitTask, fit
from laketrain.train.precision import precision_for
from laketrain.train.user_code import pack_user_code, unpack_user_code
from laketrain.workload import Train

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.slow
ALONE = World(0, 1)
CNN = {"name": "cnn", "filters": 4, "dense": 8}
SOURCE = '''
import tensorflow as tf
import keras

FACTOR = 2.0

def doubled(truth, predictions):
    if tf.reduce_max(predictions) > 2:  # a condition on a tensor
        predictions = predictions / 2
    return FACTOR * keras.losses.categorical_crossentropy(tf.one_hot(tf.cast(truth, tf.int64), 4), predictions)

class Stop(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        self.model.stop_training = epoch == 1 and "val_loss" in logs

def stop():
    return Stop()

class Halving(keras.callbacks.Callback):
    def on_epoch_begin(self, epoch, logs=None):
        self.model.optimizer.learning_rate = 0.1 * 0.5 ** epoch

class Meddling(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        if epoch == 1:
            self.model.weights[-1].assign_add(self.model.weights[-1] * 0 + 1e-4)

class Broken(keras.callbacks.Callback):
    def on_train_batch_end(self, step, logs=None):
        raise RuntimeError("I always fail")

def net(features, units=3):
    image = keras.Input(features["image"].shape, dtype="uint8", name="image")
    hidden = keras.layers.Flatten()(keras.layers.Rescaling(1 / 255)(image))
    hidden = keras.layers.Dense(units, "relu", name="units")(hidden)
    return keras.Model({"image": image}, keras.layers.Dense(4, "softmax", name="label")(hidden))

def step(model, inputs, targets, weights):
    with tf.GradientTape() as tape:
        rows = keras.losses.sparse_categorical_crossentropy(targets, model(inputs, training=True))
        loss = tf.reduce_sum(rows * weights)
    gradients = tape.gradient(loss, model.trainable_weights)
    model.optimizer.apply(gradients, model.trainable_weights)
    return loss
'''


@pytest.fixture
def mine(tmp_path: Path, importable: Callable[[Path, str], None]) -> Path:
    """A user's module `mine`, in the folder of the job and nowhere else."""
    file = tmp_path / "code" / "mine.py"
    importable(file, SOURCE)
    import_tensorflow()
    return file


def silent(event: Event) -> None:
    pass


def model_of(task: FitTask) -> Any:
    import keras

    return keras.saving.load_model(f"{task.lake}/{task.output}/model.keras")


def packed(task: FitTask) -> FitTask:
    return replace(task, user=pack_user_code(task.config))


# ---- transfer


def committed(task: FitTask) -> Version:
    """`models/source@1`: what `task` trains."""
    fit(task, ALONE, silent)
    lake = Lake(task.lake)
    with lake.table("models", "source").stage() as draft:
        save_networks(Networks.of(model_of(task)), lake.store, draft.path())
        return draft.commit(stage="train")


def test_training_begins_with_the_weights_of_another_model_and_frozen_layers_keep_them(
        task_of: Callable[..., FitTask]) -> None:
    source = task_of("source", model=CNN)
    version = committed(source)
    other = {**CNN, "dense": 16}  # the dense layer is another one
    task = task_of("target", model=other, init_from=version.ref, freeze=["conv*"], epochs=1)
    result = fit(task, ALONE, silent)
    first, trained = model_of(source), model_of(task)
    for mine, theirs in zip(*(model.get_layer("convolution").get_weights() for model in (trained, first)), strict=True):
        np.testing.assert_array_equal(mine, theirs)
    assert not trained.get_layer("convolution").trainable
    assert len(result["history"]) == 1


def test_a_file_of_keras_does_too(task_of: Callable[..., FitTask], tmp_path: Path) -> None:
    source = task_of("source", model=CNN, epochs=1)
    fit(source, ALONE, silent)
    model_of(source).save(tmp_path / "a file.keras")
    stay = {"optimizer": {"name": "sgd", "learning_rate": 1e-12}, "epochs": 1, "model": CNN}
    task = task_of("target", init_from=str(tmp_path / "a file.keras"), **stay)
    fit(task, ALONE, silent)
    for mine, theirs in zip(model_of(task).get_weights(), model_of(source).get_weights(), strict=True):
        np.testing.assert_allclose(mine, theirs, atol=1e-6)


def test_layers_learn_at_their_own_rates(task_of: Callable[..., FitTask]) -> None:
    """With plain descent, one step at a tenth of the rate goes a tenth of the way."""
    def moved(**optimizer: Any) -> Any:
        settings = {"model": CNN, "epochs": 1, "batch": 203, "lanes": 7, "validation": None}
        task = task_of("rates", **settings, optimizer={"name": "sgd", **optimizer})
        still = replace(task, config=Train.model_validate({
            **task.config.model_dump(mode="json", exclude_unset=True),
            "optimizer": {"name": "sgd", "learning_rate": 1e-12}}))
        weights = []
        for each, name in ((task, "fitted/a"), (still, "fitted/b")):
            Lake(task.lake).store.delete(name)
            fit(replace(each, output=name, run=name), ALONE, silent)
            weights.append([w.numpy() for w in model_of(replace(each, output=name)).trainable_weights])
        return [after - before for after, before in zip(*weights, strict=True)]

    whole = moved(learning_rate=0.1)
    part = moved(learning_rate=0.1, layer_rates={"conv*": 0.1, "*": 1.0})
    for index, (one, other) in enumerate(zip(whole, part, strict=True)):
        np.testing.assert_allclose(other, one * (0.1 if index < 2 else 1.0), atol=2e-6)


@pytest.mark.parametrize(("settings", "message"), [
    ({"freeze": ["konv*"]}, "freeze 'konv\\*'.*fits no layer"),
    ({"optimizer": {"layer_rates": {"dens": 0.1}}}, "layer_rates 'dens'.*Did you mean 'dense'"),
    ({"optimizer": {"layer_rates": {"*": 0.1, "conv*": 0.5}}}, "'conv\\*'.*changes no rate.*before those that fit"),
    ({"optimizer": {"layer_rates": {"conv*": 0.1}}, "freeze": ["conv*"]}, "'conv\\*'.*changes no rate.*is frozen"),
    ({"init_from": "models/nothing"}, "models/nothing.*nothing was committed"),
    ({"init_from": "/nowhere/x.keras"}, "can't be read"),
], ids=lambda value: "")
def test_what_is_not_there_is_refused(task_of: Callable[..., FitTask], settings: dict[str, Any], message: str) -> None:
    with pytest.raises(LaketrainError, match=message):
        fit(task_of(model=CNN, **settings), ALONE, silent)


def test_a_model_with_no_layer_in_common_is_refused(task_of: Callable[..., FitTask]) -> None:
    version = committed(task_of("source", model=CNN, epochs=1))
    with pytest.raises(DataError, match="no layer of that model"):
        fit(task_of("target", model={"name": "mlp", "hidden": [3]}, init_from=version.ref), ALONE, silent)


def test_another_content_of_the_source_is_another_training(task_of: Callable[..., FitTask], dataset: Version,
                                                           tmp_path: Path) -> None:
    file = tmp_path / "x.keras"
    keys = []
    for content in (b"one", b"two", b"two"):
        file.write_bytes(content)
        keys.append(fingerprint_train(dataset, task_of(init_from=str(file)).config))
    assert keys[0] != keys[1] == keys[2]
    with pytest.raises(LakeError, match="can't be read"):
        fingerprint_train(dataset, task_of(init_from=str(tmp_path / "no.keras")).config)


# ---- code


def test_a_loss_of_your_own_is_made_small_where_its_module_is_not(task_of: Callable[..., FitTask], mine: Path) -> None:
    task = packed(task_of("own", loss={"use": "mine:doubled"}, optimizer={"name": "sgd", "learning_rate": 0.05}))
    sys.modules.pop("mine")
    mine.unlink()  # executors have no copy
    own, plain = fit(task, ALONE, silent), fit(task_of("plain"), ALONE, silent)
    for mine_row, row in zip(own["history"], plain["history"], strict=True):
        assert mine_row["loss"] == pytest.approx(2 * row["loss"], rel=1e-4)
    for one, other in zip(model_of(task).get_weights(), model_of(task_of("plain")).get_weights(), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)


def test_a_model_of_your_own_is_trained_where_its_module_is_not(task_of: Callable[..., FitTask], mine: Path) -> None:
    task = packed(task_of("own", model={"use": "mine:net", "settings": {"units": 5}}, epochs=1))
    sys.modules.pop("mine")
    mine.unlink()
    result = fit(task, ALONE, silent)
    assert result["parameters"] == sum(w.size for w in model_of(task).get_weights())
    assert model_of(task).get_layer("units").units == 5


def test_a_step_of_your_own_trains_as_ours(task_of: Callable[..., FitTask], mine: Path) -> None:
    own = fit(packed(task_of("own", step="mine:step")), ALONE, silent)
    plain = fit(task_of("plain"), ALONE, silent)
    for mine_row, row in zip(own["history"], plain["history"], strict=True):
        assert mine_row["val_loss"] == pytest.approx(row["val_loss"], rel=1e-5)
        assert mine_row["loss"] == pytest.approx(row["loss"], rel=1e-5)


def test_a_callback_of_your_own_can_stop_training(task_of: Callable[..., FitTask], mine: Path) -> None:
    result = fit(packed(task_of(epochs=5, callbacks=["mine:stop"])), ALONE, silent)
    assert len(result["history"]) == 2


def test_a_callback_of_your_own_sets_the_learning_rate_of_all_ranks(
        spark: SparkSession, task_of: Callable[..., FitTask], mine: Path) -> None:
    settings = {"callbacks": ["mine:Halving"], "epochs": 3, "ranks": 2}
    together, alone = packed(task_of("together", **settings)), packed(task_of("alone", **settings))
    result, _ = launch(spark, partial(fit, together), 2, deadline=120)
    fit(alone, ALONE, silent)
    assert [row["learning_rate"] for row in result["history"]] == pytest.approx([0.1, 0.05, 0.025])
    for ours, theirs in zip(model_of(together).get_weights(), model_of(alone).get_weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=5e-5)
    steady = fit(task_of("steady", epochs=3), ALONE, silent)
    assert steady["history"][0]["loss"] == pytest.approx(result["history"][0]["loss"], rel=1e-4)
    assert steady["history"][2]["loss"] != pytest.approx(result["history"][2]["loss"], rel=1e-4)


def test_ranks_whose_weights_differ_end_training_without_a_checkpoint(
        spark: SparkSession, task_of: Callable[..., FitTask], dataset: Version, mine: Path) -> None:
    config = task_of(callbacks=["mine:Meddling"], epochs=3, ranks=2, max_restarts=2, deadline_s=120).config
    events: list[Event] = []
    for _ in range(2):  # the second run continues after the first epoch
        with pytest.raises(DataError, match=r"rank 1.*weights differ from rank 0.*callbacks run on rank 0"):
            train(spark, dataset, "parted", config, fingerprint_train(dataset, config),
                  lambda rank, event: events.append(event))
    assert [event.epoch for event in events if isinstance(event, Resumed)] == [1]
    assert not any(isinstance(event, Restarted) for event in events)
    assert dataset.lake.table("models", "parted").versions() == []


def test_a_callback_that_fails_ends_training_with_its_own_file_and_line(task_of: Callable[..., FitTask],
                                                                        mine: Path) -> None:
    line = SOURCE.splitlines().index('        raise RuntimeError("I always fail")') + 1
    with pytest.raises(DataError) as caught:
        fit(packed(task_of(callbacks=["mine:Broken"])), ALONE, silent)
    assert str(caught.value).startswith(
        f"[train] train.callbacks 'mine:Broken': raised RuntimeError: I always fail, at {mine}, line {line}, in "
        "on_train_batch_end")
    assert isinstance(caught.value.__cause__, RuntimeError)


@pytest.mark.parametrize(("settings", "message"), [
    ({"loss": {"use": "mime:doubled"}}, "mime"), ({"callbacks": ["mine:stopp"]}, "Did you mean 'stop'"),
    ({"step": "mine:steps"}, "Did you mean 'step'"),
], ids=lambda value: "")
def test_code_that_is_not_there_is_refused_by_the_driver(task_of: Callable[..., FitTask], mine: Path,
                                                         settings: dict[str, Any], message: str) -> None:
    with pytest.raises(LaketrainError, match=message):
        pack_user_code(task_of(**settings).config)


def test_changed_code_is_another_training(task_of: Callable[..., FitTask], dataset: Version, mine: Path) -> None:
    import importlib
    import linecache

    config = task_of(step="mine:step").config
    before = fingerprint_train(dataset, config)
    assert fingerprint_train(dataset, config) == before
    mine.write_text(SOURCE.replace("FACTOR = 2.0", "FACTOR = 3.0"))
    linecache.clearcache()
    importlib.invalidate_caches()
    assert fingerprint_train(dataset, config) != before


def test_no_code_is_no_bytes() -> None:
    assert pack_user_code(Train.model_validate({"model": CNN})) == b""
    assert unpack_user_code(b"") == {}


# ---- precision


@pytest.mark.parametrize(("capability", "cpu", "wanted"), [
    ((8, 0), "", "bfloat16"), ((9, 0), "", "bfloat16"), ((7, 5), "amx_bf16", "float32"),
    (None, "flags : sse2 amx_bf16 amx_tile", "bfloat16"), (None, "flags : avx512_bf16", "float32"),
    (None, "", "float32"),
])
def test_the_quick_type_is_that_of_the_machine(capability: tuple[int, int] | None, cpu: str, wanted: str) -> None:
    assert precision_for(capability, cpu) == wanted


@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_a_short_type_learns_about_the_same_and_outputs_float32(task_of: Callable[..., FitTask],
                                                                precision: str) -> None:
    settings = {"model": CNN, "epochs": 2, "optimizer": {"name": "adam", "learning_rate": 0.01}}
    plain = fit(task_of("plain", **settings), ALONE, silent)
    short = fit(task_of("short", precision=precision, **settings), ALONE, silent)
    assert short["history"][-1]["val_loss"] == pytest.approx(plain["history"][-1]["val_loss"], rel=0.2)
    model = model_of(task_of("short"))
    assert model.get_layer("convolution").compute_dtype == precision
    assert {str(weight.dtype) for weight in model.trainable_weights} == {"float32"}
    assert model.output.dtype == "float32" if not isinstance(model.output, dict) else True
    import keras

    assert keras.config.dtype_policy().name == "float32"


def test_auto_reports_what_it_chose_and_why(task_of: Callable[..., FitTask], monkeypatch: pytest.MonkeyPatch) -> None:
    from laketrain.train import setup

    events: list[dict[str, Any]] = []
    monkeypatch.setattr(setup, "fast_precision", lambda: "bfloat16")
    fit(task_of("quick", precision="auto", epochs=1, model=CNN), ALONE, events.append)
    monkeypatch.setattr(setup, "_LOSS_TOLERANCE", -1.0)
    fit(task_of("unlike", precision="auto", epochs=1, model=CNN), ALONE, events.append)
    monkeypatch.setattr(setup, "fast_precision", lambda: "float32")
    fit(task_of("slow", precision="auto", epochs=1, model=CNN), ALONE, events.append)
    hints = [event.text for event in events if isinstance(event, Hint)]
    assert [hint.split(";")[0].split(",")[0] for hint in hints] == [
        "precision: bfloat16", "precision: float32", "precision: float32"]
    assert "the first loss is" in hints[0]
    assert "since in bfloat16" in hints[1]
    assert "not quicker" in hints[2]
