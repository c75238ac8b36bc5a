"""The driver builds and runs a model of the user's own: what can't work is refused before any rank is launched."""

from __future__ import annotations

import io
import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from laketrain.distributed import World
from laketrain.errors import DataError
from laketrain.events import Event, Hint, event_to_dict
from laketrain.features import FeatureSet
from laketrain.imports import import_tensorflow
from laketrain.lake import Lake, Version
from laketrain.models.networks import Networks
from laketrain.train import fingerprint_train, train
from laketrain.train.dry_run import dry_run
from laketrain.train.fit import FitTask, fit
from laketrain.train.user_code import pack_user_code
from laketrain.train.weight_sync import weights_digest
from laketrain.workload import Train

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.slow
ROWS = 40
SOURCE = '''
import keras
from keras import layers as L

def given(features):
    return keras.Input(features["x"].shape, name="x")

def ends(features, *, label="softmax", topics="sigmoid", zeros=False, small=False, **label_settings):
    """A head for each target, with these activations."""
    x = given(features)
    start = "zeros" if zeros else keras.initializers.RandomNormal(stddev=1e-6) if small else "glorot_uniform"
    made = {"label": lambda: L.Dense(3, label, kernel_initializer=start, name="label", **label_settings),
            "topics": lambda: L.Dense(2, topics, kernel_initializer=start, name="topics"),
            "price": lambda: L.Dense(1, name="price")}
    predictions = {name: made[name]()(x) for name in features.targets}
    return keras.Model({"x": x}, predictions if len(predictions) > 1 else next(iter(predictions.values())))

def deep(features):
    x = hidden = given(features)
    for _ in range(40):
        hidden = L.Dense(200, "relu")(hidden)
    return keras.Model({"x": x}, L.Dense(3, "softmax")(hidden))

def kept_apart(features):
    """A mixture of two distributions, whose shares a constraint keeps between 0 and 1."""
    x = given(features)
    share = L.Dense(1, use_bias=False, kernel_constraint=keras.constraints.NonNeg())(L.Reshape((1,))(
        keras.ops.ones_like(x[:, 0])))
    share = keras.ops.clip(share, 0, 1)
    one, other = L.Dense(3, "softmax")(x), L.Dense(3, "softmax")(x)
    return keras.Model({"x": x}, share * one + (1 - share) * other)

def broken_on_rows(features):
    x = given(features)
    return keras.Model({"x": x}, L.Dense(3, "softmax")(L.Flatten()(L.Embedding(1, 2)(x))))

def not_finite(features):
    x = given(features)
    return keras.Model({"x": x}, L.Dense(3, "softmax")(keras.ops.log(keras.ops.zeros_like(x))))

def raises(features):
    raise KeyError("oops")

class Raises(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        raise RuntimeError("my callback broke")

def loss(truth, outputs):
    raise LookupError("my loss broke")

def rounded(truth, outputs):
    return keras.ops.sum(keras.ops.round(outputs), axis=-1) * 0 + keras.ops.cast(keras.ops.argmax(outputs), "float32")

def broken_step(model, inputs, targets, weights):
    return len(model.layers) / 0

def no_callback():
    raise SystemExit(3)

def narrow_loss(truth, outputs):
    return keras.ops.reshape(truth, (-1,)) + keras.ops.ones((7, 7))[:, :5] @ outputs

def logit_loss(truth, outputs):
    return keras.losses.sparse_categorical_crossentropy(truth, outputs, from_logits=True)

def idle(model, inputs, targets, weights):
    return keras.ops.sum(model(inputs, training=True) ** 2)
'''
COLUMNS = {"x": {"kind": "vector", "columns": ["a", "b"], "scale": "none"}, "label": {"kind": "label", "classes": 3},
           "topics": {"kind": "multilabel", "column": "topics", "names": ["sport", "art"]},
           "price": {"kind": "value", "columns": ["price"], "scale": "none"}}


@pytest.fixture(autouse=True)
def mine(tmp_path: Path, importable: Callable[[Path, str], None]) -> Path:
    """A user's module `nets`, in a folder with a space in its name."""
    file = tmp_path / "my code" / "nets.py"
    importable(file, SOURCE)
    import_tensorflow()
    return file


def drawn() -> dict[str, Any]:
    draw = np.random.default_rng(0)
    return {"a": draw.normal(size=ROWS), "b": draw.normal(size=ROWS), "label": draw.integers(0, 3, ROWS),
            "topics": [["sport"], ["art"], []] * (ROWS // 3) + [["art"]] * (ROWS % 3), "price": draw.normal(size=ROWS)}


@pytest.fixture
def dataset_of(tmp_path: Path) -> Callable[..., Version]:
    """Commits a dataset of one split of these targets; columns in `instead` are not as drawn."""
    def commit(*targets: str, instead: dict[str, Any] | None = None) -> Version:
        features = FeatureSet.model_validate({name: COLUMNS[name] for name in ("x", *targets)})
        stored, refused = features.encode_batch(pa.table({**drawn(), **(instead or {})}))
        assert refused.null_count == ROWS
        lake = Lake(tmp_path / "lake")
        with lake.table("features", "drawn").stage() as draft:
            for split in ("train", "val"):
                content = io.BytesIO()
                pq.write_table(stored, content)
                lake.store.write(draft.path(f"{split}/part-00000.parquet"), content.getvalue())
            return draft.commit(stage="convert", fingerprint=",".join(targets), counts={
                "splits": {"train": ROWS, "val": ROWS}}, meta={"features": json.loads(features.to_json())})

    return commit


def config_of(use: str, **settings: Any) -> Train:
    model = {"use": f"nets:{use}", **settings.pop("model", {})}
    return Train.model_validate({"model": model, "epochs": 2, "batch": 20, "lanes": 4, "ranks": 1, "max_restarts": 2,
                                 "deadline_s": 120, **settings})


def tried(dataset: Version, use: str, **settings: Any) -> str:
    """The error's message; empty if it may be trained."""
    try:
        dry_run(dataset, config_of(use, **settings))
    except DataError as error:
        return str(error).removeprefix(f"[train] train.model.use 'nets:{use}': ")
    return ""


@pytest.mark.parametrize(("settings", "problem"), [
    ({"label": None}, "it ends in the Dense 'label' with activation 'linear'"),
    ({"label": None, "zeros": True}, "numbers from 0 to 0 that sum to 0 for the label 'label'"),
    ({"label": None, "small": True}, "that sum to"), ({"label": "sigmoid"}, "activation 'sigmoid'"),
    ({"label": "log_softmax"}, "activation 'log_softmax'"), ({"label": "tanh"}, "activation 'tanh'"),
], ids=lambda value: "")
def test_outputs_of_a_label_that_are_no_distribution_are_refused_with_both_ways_out(
        dataset_of: Callable[..., Version], settings: dict[str, Any], problem: str) -> None:
    message = tried(dataset_of("label"), "ends", model={"settings": settings})
    assert problem in message
    assert "expected a distribution over its classes: rows of numbers from 0 that sum to 1" in message
    assert 'end in keras.layers.Dense(3, activation="softmax", dtype="float32", name="label")' in message
    assert "model: {use: 'nets:ends', from_logits: true}" in message


@pytest.mark.parametrize("settings", [{"topics": None}, {"topics": None, "zeros": True}, {"topics": "tanh"},
                                      {"topics": None, "small": True}], ids=str)
def test_outputs_of_a_multilabel_without_a_sigmoid_are_refused(dataset_of: Callable[..., Version],
                                                               settings: dict[str, Any]) -> None:
    message = tried(dataset_of("topics", "price"), "ends", model={"settings": settings})
    assert "for the multilabel 'topics', expected probabilities: numbers from 0 to 1" in message
    assert 'keras.layers.Dense(2, activation="sigmoid", dtype="float32", name="topics")' in message
    assert ("with other weights than its first" in message) == ("zeros" in settings or "small" in settings)


def test_what_is_a_distribution_whatever_the_weights_is_taken(dataset_of: Callable[..., Version]) -> None:
    dataset, all_three = dataset_of("label"), dataset_of("label", "topics", "price")
    before = random.getstate()
    for use in ("ends", "deep", "kept_apart"):
        assert tried(dataset, use) == "", use
    assert tried(all_three, "ends") == ""
    assert tried(dataset, "ends", precision="bfloat16") == tried(dataset, "ends", precision="float16") == ""
    assert random.getstate() == before  # a notebook's own random numbers go on


def test_from_logits_is_for_logits_alone(dataset_of: Callable[..., Version]) -> None:
    dataset = dataset_of("label", "topics")
    logits = {"label": None, "topics": None}
    assert tried(dataset, "ends", model={"settings": logits, "from_logits": True}) == ""
    message = tried(dataset, "ends", model={"settings": {"label": None}, "from_logits": True})
    assert "has from_logits, but its outputs for the multilabel 'topics' are already probabilities" in message
    assert "leave out its sigmoid, or remove 'train.model.from_logits'" in message


@pytest.mark.parametrize(("use", "problem"), [
    ("raises", "raised KeyError: 'oops', at "), ("broken_on_rows", "InvalidArgumentError"),
    ("not_finite", "outputs numbers for 'label' that are not finite, in the first 8 rows"),
])
def test_a_model_that_fails_when_it_is_made_or_used_is_reported_by_the_driver(dataset_of: Callable[..., Version],
                                                                          mine: Path, use: str, problem: str) -> None:
    message = tried(dataset_of("label"), use)
    assert problem in message
    if use == "raises":
        assert f"{mine}, line {SOURCE.splitlines().index('def raises(features):') + 2}, in raises" in message


class Watcher:
    """Of a training's events."""

    def __init__(self) -> None:
        self.kinds: list[str] = []

    def __call__(self, rank: int, event: Event) -> None:
        self.kinds.append(event_to_dict(event)["kind"])


def trained(spark: SparkSession, dataset: Version, config: Train, watcher: Watcher) -> Version:
    return train(spark, dataset, "mine", config, fingerprint_train(dataset, config), watcher)


def test_no_rank_is_launched_for_a_model_that_cannot_be(spark: SparkSession,
                                                        dataset_of: Callable[..., Version]) -> None:
    dataset, tracker = dataset_of("label"), spark.sparkContext.statusTracker()
    spark.sparkContext.setJobGroup("trial of a model", "")
    config = config_of("ends", model={"settings": {"label": None}})
    with pytest.raises(DataError, match="from_logits: true"):
        trained(spark, dataset, config, watcher := Watcher())
    assert watcher.kinds == []
    assert list(tracker.getJobIdsForGroup("trial of a model")) == []
    assert dataset.lake.table("models", "mine").versions() == []


def test_what_code_of_the_users_own_raises_on_a_rank_is_not_tried_again(
        spark: SparkSession, dataset_of: Callable[..., Version], mine: Path) -> None:
    with pytest.raises(DataError) as caught:
        trained(spark, dataset_of("label"), config_of("ends", ranks=2, callbacks=["nets:Raises"]), watcher := Watcher())
    line = SOURCE.splitlines().index('        raise RuntimeError("my callback broke")') + 1
    assert str(caught.value) == (f"[train] train.callbacks 'nets:Raises': raised RuntimeError: my callback broke, at "
                                 f"{mine}, line {line}, in on_epoch_end. Next: it is code of your own: fix it there")
    assert watcher.kinds.count("epoch") <= 1
    assert "restart" not in watcher.kinds


@pytest.mark.parametrize(("settings", "message"), [
    ({"loss": {"use": "nets:loss"}}, ["train.loss 'nets:loss'", "raised LookupError: my loss broke", "in loss"]),
    ({"step": "nets:broken_step"}, ["train.step 'nets:broken_step'", "raised ZeroDivisionError", "in broken_step"]),
    ({"callbacks": ["nets:no_callback"]}, ["train.callbacks 'nets:no_callback'", "raised SystemExit: 3"]),
    ({"loss": {"use": "nets:narrow_loss"}}, ["train.loss 'nets:narrow_loss'", "raised ValueError"]),
], ids=["loss", "step", "making a callback", "within TensorFlow"])
def test_an_error_within_a_graph_names_the_users_file_and_line_too(
        dataset_of: Callable[..., Version], mine: Path, settings: dict[str, Any], message: list[str]) -> None:
    with pytest.raises(DataError) as caught:
        fit(task_of(dataset_of("label"), config_of("ends", **settings)), World(0, 1), lambda event: None)
    text = str(caught.value)
    assert all(part in text for part in (*message, f"at {mine}, line ")), text
    assert "Traceback" not in text and text.count("\n") == 0


def task_of(dataset: Version, config: Train, name: str = "mine") -> FitTask:
    return FitTask(dataset.lake.url, dataset.ref, config, name, run=f"run of {name}", output=f"fitted/{name}",
                   user=pack_user_code(config))


def fitted(task: FitTask) -> Any:
    import keras

    return keras.saving.load_model(f"{task.lake}/{task.output}/model.keras")


def as_keras_trains(task: FitTask, dataset: Version) -> Any:
    """The same model of logits by Keras alone, whose losses have `from_logits`."""
    import keras
    import nets

    from laketrain.feed.dataset import Dataset

    keras.utils.set_random_seed(task.config.seed)
    features = Dataset(dataset).features
    plain = nets.ends(features, **task.config.model.settings)
    plain.compile(keras.optimizers.SGD(0.5), {
        "label": keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        "topics": keras.losses.BinaryCrossentropy(from_logits=True), "price": "mse"})
    rows = drawn()
    has = np.array([[name in row for name in ("sport", "art")] for row in rows["topics"]], np.float32)
    inputs = np.stack([rows["a"], rows["b"]], axis=1).astype(np.float32)
    for _ in range(task.config.epochs):
        plain.train_on_batch({"x": inputs}, {"label": rows["label"], "topics": has, "price": rows["price"][:, None]})
    return plain, inputs


def test_from_logits_trains_as_keras_does_and_commits_probabilities(dataset_of: Callable[..., Version]) -> None:
    """The whole split is one batch, so that its order is of no matter."""
    dataset = dataset_of("label", "topics", "price")
    config = config_of("ends", batch=ROWS, lanes=1, epochs=3, restore_best=False,
                       model={"settings": {"label": None, "topics": None}, "from_logits": True},
                       optimizer={"name": "sgd", "learning_rate": 0.5})
    task = task_of(dataset, config)
    result = fit(task, World(0, 1), lambda event: None)
    model, (plain, inputs) = fitted(task), as_keras_trains(task, dataset)
    for name in ("label", "topics", "price"):
        for mine, theirs in zip(model.get_layer(name).get_weights(), plain.get_layer(name).get_weights(), strict=True):
            np.testing.assert_allclose(mine, theirs, rtol=1e-4, atol=1e-5)
    assert result["weights"] == weights_digest(Networks.of(model))
    predictions, logits = model({"x": inputs}), {name: np.asarray(one) for name, one in plain({"x": inputs}).items()}
    powers = np.exp(logits["label"])
    np.testing.assert_allclose(predictions["label"], powers / powers.sum(axis=1, keepdims=True), atol=1e-5)
    np.testing.assert_allclose(predictions["topics"], 1 / (1 + np.exp(-logits["topics"])), atol=1e-5)
    np.testing.assert_allclose(predictions["price"], logits["price"], atol=1e-5)
    right = logits["label"].argmax(axis=1) == drawn()["label"]
    assert result["history"][-1]["val_label_accuracy"] == pytest.approx(right.mean())
    has = np.array([[name in row for name in ("sport", "art")] for row in drawn()["topics"]])
    assert result["history"][-1]["val_topics_accuracy"] == pytest.approx(((logits["topics"] > 0) == has).mean())
    assert type(model.optimizer).__name__ == "SGD"


@pytest.mark.parametrize("loss", [{"name": "focal"}, {"label_smoothing": 0.1}, {"use": "nets:logit_loss"}],
                         ids=["focal", "smooth", "own"])
def test_every_loss_of_logits_is_the_loss_of_their_probabilities(dataset_of: Callable[..., Version],
                                                                 loss: dict[str, Any]) -> None:
    """A loss of the user's own receives the logits, as the function's model outputs them."""
    dataset, rates = dataset_of("label"), {"optimizer": {"name": "sgd", "learning_rate": 0.5}, "restore_best": False}
    logits = config_of("ends", model={"settings": {"label": None}, "from_logits": True}, loss=loss, **rates)
    plain = config_of("ends", loss={"name": "auto"} if "use" in loss else loss, **rates)
    results = [fit(task_of(dataset, config, name), World(0, 1), lambda event: None)
             for config, name in ((logits, "logits"), (plain, "plain"))]
    for mine, theirs in zip(*(fitted(task_of(dataset, config, name)).get_weights()
                              for config, name in ((logits, "logits"), (plain, "plain"))), strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-4, atol=1e-5)
    assert results[0]["history"][-1]["val_loss"] == pytest.approx(results[1]["history"][-1]["val_loss"], rel=1e-4)


@pytest.mark.parametrize(("settings", "message"), [
    ({"loss": {"use": "nets:rounded"}}, "the loss: depends on no weight of the model"),
    ({"step": "nets:idle"}, "epoch 1: has changed none of the weights that are to be learnt: the optimizer took no"),
    ({"optimizer": {"name": "sgd", "learning_rate": 1e-30}}, "all gradients are 0, or too small for the learning rate"),
    ({"freeze": ["*"]}, "freeze '\\*': leaves no layer that learns, of label"),
    ({"optimizer": {"layer_rates": {"*": 0.0}}}, "layer_rates: multiplies the rate of every layer that learns by 0"),
    ({"loss": {"weight": 0.0}}, "loss: is 0, since the weight of label is 0"),
], ids=["no slope", "own step", "rate", "freeze", "layer rates", "loss weight"])
def test_a_training_that_moves_no_weight_is_refused_and_not_committed(
        dataset_of: Callable[..., Version], settings: dict[str, Any], message: str) -> None:
    task = task_of(dataset_of("label"), config_of("ends", model={"settings": {"bias_initializer": "ones"}}, **settings))
    with pytest.raises(DataError, match=message):
        fit(task, World(0, 1), lambda event: None)
    assert not (Path(task.lake) / task.output / "model.keras").exists()


def test_a_model_that_has_nothing_to_learn_is_committed_and_reported(dataset_of: Callable[..., Version]) -> None:
    """All rows are 0, as its first answers are: every gradient is 0, and no setting is to blame."""
    nothing = dict.fromkeys(("a", "b", "price"), np.zeros(ROWS))
    task = task_of(dataset_of("price", instead=nothing), config_of("ends"))
    events: list[Event] = []
    result = fit(task, World(0, 1), events.append)
    assert [row["loss"] for row in result["history"]] == [0.0, 0.0]
    assert [event.text for event in events if isinstance(event, Hint)] == [
        "epoch 1 has changed no weight: its loss is 0, which leaves nothing to learn"]
    assert (Path(task.lake) / task.output / "model.keras").exists()
