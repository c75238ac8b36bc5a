"""A user's train step on two networks: equal on any number of ranks, resumed bit for bit, saved and loaded whole."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from laketrain.distributed import World, launch
from laketrain.errors import DataError
from laketrain.events import Event
from laketrain.feed.dataset import Dataset
from laketrain.imports import import_tensorflow
from laketrain.lake import Lake, Version
from laketrain.lake.manifests import CheckpointManifest
from laketrain.models.networks import Networks
from laketrain.models.saving import load_model, load_networks
from laketrain.train import timing
from laketrain.train.checkpoint import Checkpoints, State
from laketrain.train.fit import FitTask, fit
from laketrain.train.user_code import pack_user_code
from laketrain.train.weight_sync import weights_digest

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.slow
ALONE = World(0, 1)
# A critic learns to predict the classifier's loss from its probabilities; the classifier also avoids what it predicts.
SOURCE = '''
import keras
import tensorflow as tf

from laketrain.models.networks import Networks
from laketrain.models.train_step import StepResult, TrainStep, update


def build(features, dropout=0.0):
    image = keras.Input(features["image"].shape, dtype="uint8", name="image")
    hidden = keras.layers.Flatten()(keras.layers.Rescaling(1 / 255)(image))
    hidden = keras.layers.Dropout(dropout)(keras.layers.Dense(6, "relu", name="hidden")(hidden))
    classifier = keras.Model({"image": image}, keras.layers.Dense(4, "softmax", name="label")(hidden))
    shares = keras.Input((4,), name="shares")
    critic = keras.Model(shares, keras.layers.Dense(1, name="critic_out")(
        keras.layers.Dense(5, "tanh", name="critic_hidden")(shares)))
    return Networks(predict="classifier", critic=critic, classifier=classifier)


class Alternating(TrainStep):
    metrics = ("critic_loss",)

    def train(self, networks, objective, batch):
        classifier, critic = networks["classifier"], networks["critic"]
        shares = classifier(batch.inputs, training=True)
        losses = keras.losses.sparse_categorical_crossentropy(batch.targets, shares)
        with tf.GradientTape() as tape:
            error = tf.squeeze(critic(shares), -1) - losses
            critic_loss = tf.reduce_sum(batch.weights * error ** 2)
            scaled = critic.optimizer.scale_loss(critic_loss)
        update(critic, tape, scaled)
        with tf.GradientTape() as tape:
            shares = classifier(batch.inputs, training=True)
            loss = objective.loss(batch.targets, shares, batch.weights, training=True)
            loss += 0.1 * tf.reduce_sum(batch.weights * tf.squeeze(critic(shares), -1))
            scaled = classifier.optimizer.scale_loss(loss)
        return StepResult(loss, shares, metrics={"critic_loss": critic_loss},
                          differentiable=update(classifier, tape, scaled))


class Noisy(TrainStep):
    """Supervised, with noise on the gradients that depends on the step alone, so that ranks add the same."""

    def train(self, networks, objective, batch):
        model = networks.predicting
        with tf.GradientTape() as tape:
            shares = model(batch.inputs, training=True)
            loss = objective.loss(batch.targets, shares, batch.weights, training=True)
        variables = model.trainable_weights
        step = tf.cast(model.optimizer.iterations, tf.int32)
        noisy = [gradient + 0.01 * tf.random.stateless_normal(gradient.shape, [number, step])
                 for number, gradient in enumerate(tape.gradient(loss, variables))]
        model.optimizer.apply(noisy, variables)
        return StepResult(loss, shares)
'''
ADAM = {"name": "adam", "learning_rate": 0.02, "layer_rates": {"critic_*": 0.5}}
PAIR = {"model": {"use": "pair:build"}, "step": "pair:Alternating", "optimizer": ADAM, "epochs": 3}


class Interrupted(Exception):
    pass


@pytest.fixture(autouse=True)
def _module(tmp_path: Path, importable: Callable[[Path, str], None], monkeypatch: pytest.MonkeyPatch) -> None:
    importable(tmp_path / "code" / "pair.py", SOURCE)
    import_tensorflow()
    monkeypatch.setattr(timing, "REPORT_EVERY_S", 0.0)


def silent(event: Event) -> None:
    pass


def packed(task: FitTask) -> FitTask:
    return replace(task, user=pack_user_code(task.config))


def trained(task: FitTask, train: Callable[[FitTask], dict[str, Any]]) -> tuple[Version, dict[str, Any]]:
    """The model as committed, and the result of the training."""
    table = Lake(task.lake).table("models", task.name)
    with table.stage() as draft:
        result = train(packed(replace(task, output=draft.path())))
        return draft.commit(stage="train"), result


def alone(task: FitTask) -> dict[str, Any]:
    return fit(task, ALONE, silent)


def timeless(history: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{key: value for key, value in row.items() if key not in ("seconds", "rows_per_s")} for row in history]


@pytest.mark.parametrize("settings", [PAIR, {"model": {"name": "linear"}, "step": "pair:Noisy"}],
                         ids=["two networks", "noisy gradients"])
def test_two_ranks_end_with_the_weights_of_one(spark: SparkSession, task_of: Callable[..., FitTask],
                                               settings: dict[str, Any]) -> None:
    serial, one = trained(task_of("serial", **settings), alone)
    parallel, two = trained(task_of("parallel", **settings),
                            lambda task: launch(spark, partial(fit, task), 2, deadline=200)[0])
    for name, network in load_networks(serial).items():
        for mine, theirs in zip(network.get_weights(), load_networks(parallel)[name].get_weights(), strict=True):
            np.testing.assert_allclose(mine, theirs, atol=5e-5)
    for row, expected in zip(timeless(two["history"]), timeless(one["history"]), strict=True):
        assert row == {name: pytest.approx(value, abs=1e-4) for name, value in expected.items()}


def test_a_training_of_two_networks_resumes_bit_for_bit(task_of: Callable[..., FitTask]) -> None:
    settings = {**PAIR, "model": {"use": "pair:build", "settings": {"dropout": 0.3}}, "checkpoint_steps": 4}
    _, whole = trained(task_of("whole", **settings), alone)
    task = packed(task_of("broken", **settings))

    def interrupt(event: Event) -> None:
        if (getattr(event, "epoch", None), getattr(event, "step", None)) == (2, 6):
            raise Interrupted

    with pytest.raises(Interrupted):
        fit(task, ALONE, interrupt)
    checkpoint = Checkpoints(Lake(task.lake), task.name, task.run).latest()
    assert checkpoint is not None and checkpoint.entry.meta["step"] == 5
    result = fit(replace(task, resume=checkpoint.number), ALONE, silent)
    assert result["weights"] == whole["weights"]
    assert timeless(result["history"]) == timeless(whole["history"])
    assert all("critic_loss" in row and "val_critic_loss" not in row for row in result["history"])


def test_a_model_of_two_networks_is_loaded_whole_or_as_the_one_that_predicts(task_of: Callable[..., FitTask]) -> None:
    version, result = trained(task_of("pair", **{**PAIR, "epochs": 1}), alone)
    networks = load_networks(version)
    assert (list(networks), networks.predict) == (["critic", "classifier"], "classifier")
    assert weights_digest(networks) == result["weights"]
    assert result["parameters"] == sum(weight.size for each in networks.values() for weight in each.get_weights())
    assert load_model(version).output.shape == (None, 4)
    assert [int(optimizer.iterations) for optimizer in networks.optimizers] == [7, 7]


def test_a_model_of_one_network_is_one_file(task_of: Callable[..., FitTask]) -> None:
    version, result = trained(task_of(epochs=1), alone)
    assert [Path(file.path).name for file in version.entry.files] == ["model.keras"]
    assert weights_digest(load_networks(version)) == result["weights"]


def test_networks_start_from_those_of_the_same_name(task_of: Callable[..., FitTask], dataset: Version) -> None:
    from pair import build

    from laketrain.train.compile import compile_networks

    version, _ = trained(task_of("pair", **{**PAIR, "epochs": 1}), alone)
    source, config = load_networks(version), task_of("other", **PAIR).config
    networks = compile_networks(config, Dataset(dataset).features, source, "float32", {"pair:build": build})
    assert weights_digest(networks) == weights_digest(source)


def test_networks_that_share_weights_are_refused() -> None:
    import keras

    inputs = keras.Input((2,))
    hidden = keras.layers.Dense(2)(inputs)
    with pytest.raises(DataError, match="networks 'a' and 'b'.*share the weight 'dense.*own layers"):
        Networks(predict="a", a=keras.Model(inputs, hidden), b=keras.Model(inputs, keras.layers.Dense(1)(hidden)))
    with pytest.raises(DataError, match="predict is 'c', expected one of a"):
        Networks(predict="c", a=keras.Model(inputs, hidden))


def test_the_state_in_a_checkpoint_of_an_earlier_version_is_read() -> None:
    former = {"epochs": 2, "step": 3, "history": [], "times": [], "judge": {"monitor": "loss", "larger": False},
              "ranks": [{"chance": [[1, 0]], "sums": [0.5]}], "rate": 0.1}
    assert State.of(CheckpointManifest.from_meta(former)) == State(
        epochs=2, step=3, monitor={"monitor": "loss", "larger": False}, learning_rate=0.1,
        ranks=[{"random_states": [[1, 0]], "sums": [0.5]}])
