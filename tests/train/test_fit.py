"""Training in this process against references that share nothing with it but the order of the rows."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from pydantic import ValidationError
from tests import tiny

from laketrain.distributed.world import World
from laketrain.errors import DataError
from laketrain.events import EpochEnded, Event, StepEnded
from laketrain.feed import array_batches
from laketrain.feed.dataset import Dataset
from laketrain.imports import import_tensorflow
from laketrain.lake import Version
from laketrain.models.networks import Networks
from laketrain.train import timing
from laketrain.train.fit import FitTask, fit
from laketrain.train.weight_sync import weights_digest

pytestmark = pytest.mark.slow
ALONE = World(0, 1)
CNN = {"name": "cnn", "filters": 4, "dense": 8}
Floats = npt.NDArray[np.float64]


def silent(event: Event) -> None:
    pass


def fresh_model(task: FitTask) -> Any:
    """The model as the seed makes it."""
    import_tensorflow()
    import keras

    keras.utils.set_random_seed(task.config.seed)
    return task.config.model.build(Dataset.at(task.lake, task.dataset).features)


def fitted_model(task: FitTask) -> Any:
    import keras

    return keras.saving.load_model(f"{task.lake}/{task.output}/model.keras")


def real_batches(task: FitTask, epoch: int) -> Iterator[tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]]:
    """The images and labels of an epoch's global batches without any padding, so that the last ones are smaller."""
    dataset = Dataset.at(task.lake, task.dataset)
    plan = dataset.plan(task.config.split, task.config.batch, lanes=task.config.lanes, seed=task.config.seed)
    with dataset.reader(task.config.split) as reader, closing(array_batches(plan, reader, 0, 1, epoch)) as source:
        for batch in source:
            real = batch.weights > 0
            yield batch.arrays["image"][real], batch.arrays["label"][real]


class SoftmaxRegression:
    """In NumPy, float64: `loss_of` and plain gradient descent."""

    def __init__(self, kernel: Floats, bias: Floats, mean: float, std: float) -> None:
        self.kernel, self.bias, self.mean, self.std = kernel.astype(float), bias.astype(float), mean, std

    def probabilities(self, images: npt.NDArray[np.uint8]) -> tuple[Floats, Floats]:
        inputs = ((images / 255.0 - self.mean) / self.std).reshape(len(images), -1)
        powers = np.exp(inputs @ self.kernel + self.bias)
        return inputs, powers / powers.sum(axis=1, keepdims=True)

    def losses(self, images: npt.NDArray[np.uint8], labels: npt.NDArray[np.int64]) -> tuple[Floats, Floats]:
        """Each row's cross-entropy, and whether its class was predicted."""
        _, shares = self.probabilities(images)
        return -np.log(shares[np.arange(len(labels)), labels]), (shares.argmax(axis=1) == labels).astype(float)

    def step(self, images: npt.NDArray[np.uint8], labels: npt.NDArray[np.int64], rate: float) -> None:
        inputs, shares = self.probabilities(images)
        error = shares.copy()
        error[np.arange(len(labels)), labels] -= 1
        self.kernel -= rate * inputs.T @ error / len(labels)
        self.bias -= rate * error.mean(axis=0)


def reference_of(task: FitTask) -> SoftmaxRegression:
    statistics = Dataset.at(task.lake, task.dataset).features["image"].statistics
    return SoftmaxRegression(*fresh_model(task).get_weights(), statistics.mean, statistics.std)


def test_training_is_softmax_regression_by_gradient_descent_also_over_the_padded_tail(
        task_of: Callable[..., FitTask], dataset: Version) -> None:
    """203 rows make seven batches of 32, of which the last holds 11."""
    task = task_of(epochs=3)
    reference, sizes, history = reference_of(task), [], []
    for epoch in range(3):
        losses, hits = [], []
        for images, labels in real_batches(task, epoch):
            row_losses = reference.losses(images, labels)
            losses.append(row_losses[0])
            hits.append(row_losses[1])
            sizes.append(len(labels))
            reference.step(images, labels, rate=0.1)
        history.append((np.concatenate(losses).mean(), np.concatenate(hits).mean(), sum(map(len, losses))))
    result = fit(task, ALONE, silent)
    kernel, bias = fitted_model(task).get_weights()

    assert sizes == [32, 32, 32, 32, 32, 32, 11] * 3
    np.testing.assert_allclose(kernel, reference.kernel, atol=2e-6)
    np.testing.assert_allclose(bias, reference.bias, atol=2e-6)
    for row, (loss, accuracy, rows) in zip(result["history"], history, strict=True):
        assert rows == tiny.SPLITS["train"]
        assert row["loss"] == pytest.approx(loss, rel=1e-5)
        assert row["accuracy"] == pytest.approx(accuracy, abs=1e-6)
    # Validation: every row of its split once, after the epoch. 45 rows make two batches, the second of 13.
    losses, hits = reference.losses(*tiny.rows_of(dataset, "val"))
    last = result["history"][-1]
    assert last["val_loss"] == pytest.approx(losses.mean(), rel=1e-5)
    assert last["val_accuracy"] == pytest.approx(hits.mean(), abs=1e-6)
    assert last["val_accuracy"] > 0.8  # it learns


CLASSES = {"sgd": "SGD", "adam": "Adam", "adamw": "AdamW", "nadam": "Nadam", "adamax": "Adamax", "lamb": "Lamb",
           "lion": "Lion", "rmsprop": "RMSprop", "adagrad": "Adagrad", "adadelta": "Adadelta",
           "adafactor": "Adafactor", "ftrl": "Ftrl"}


def plain_optimizer(settings: dict[str, Any], steps: int) -> Any:
    """As a user of Keras alone would write it."""
    import keras

    ours = {"name", "schedule", "accumulate", "ema"}  # what accumulates is averaged by hand
    given = {key: value for key, value in settings.items() if key not in ours}
    if settings.get("schedule") == "cosine":
        given["learning_rate"] = keras.optimizers.schedules.CosineDecay(settings["learning_rate"], steps)
    if "ema" in settings:
        given |= {"use_ema": True, "ema_momentum": settings["ema"]}
    return getattr(keras.optimizers, CLASSES[settings["name"]])(**given)


def groups_of(found: Iterator[Any], size: int) -> Iterator[list[Any]]:
    """So many at a time, and the rest."""
    while group := list(itertools.islice(found, size)):
        yield group


def mean_gradients(model: Any, group: list[Any]) -> list[Any]:
    """The mean over the batches of each one's own gradients of its mean loss."""
    import keras
    import tensorflow as tf

    gradients = []
    for images, labels in group:
        with tf.GradientTape() as tape:
            losses = keras.losses.sparse_categorical_crossentropy(labels, model({"image": images}, training=True))
            loss = tf.reduce_mean(losses)
        gradients.append(tape.gradient(loss, model.trainable_variables))
    return [tf.add_n(own) / len(group) for own in zip(*gradients, strict=True)]


@pytest.mark.parametrize("optimizer", [
    {"name": "adam", "learning_rate": 0.003, "beta_1": 0.8, "epsilon": 1e-5, "amsgrad": True},
    {"name": "sgd", "learning_rate": 0.05, "momentum": 0.9, "nesterov": True, "global_clipnorm": 0.5},
    {"name": "adamw", "learning_rate": 0.003, "weight_decay": 0.1, "clipnorm": 0.2, "schedule": "cosine"},
    {"name": "rmsprop", "learning_rate": 0.001, "rho": 0.8, "centered": True, "clipvalue": 0.01},
    {"name": "sgd", "learning_rate": 0.1, "accumulate": 3},
    {"name": "sgd", "learning_rate": 0.1, "accumulate": 50, "momentum": 0.9},
    {"name": "adam", "learning_rate": 0.003, "accumulate": 4, "schedule": "cosine"},
    {"name": "adam", "learning_rate": 0.003, "accumulate": 2, "global_clipnorm": 0.1},
    {"name": "sgd", "learning_rate": 0.1, "ema": 0.8},
    *({"name": name, "learning_rate": 0.002} for name in CLASSES if name not in ("sgd", "adam", "adamw", "rmsprop")),
], ids=lambda optimizer: "-".join(map(str, optimizer.values())))
def test_training_is_plain_keras_on_the_same_batches(task_of: Callable[..., FitTask],
                                                     optimizer: dict[str, Any]) -> None:
    task = task_of(model=CNN, optimizer=optimizer, validation=None)
    plain = fresh_model(task)
    plain.compile(plain_optimizer(optimizer, 2 * -(-7 // optimizer.get("accumulate", 1))))
    plain.optimizer.build(plain.trainable_variables)
    for epoch in range(2):
        for group in groups_of(real_batches(task, epoch), optimizer.get("accumulate", 1)):
            plain.optimizer.apply(mean_gradients(plain, group), plain.trainable_variables)
    plain.optimizer.finalize_variable_values(plain.trainable_variables)
    before = fresh_model(task).get_weights()
    result = fit(task, ALONE, silent)
    ours = fitted_model(task)

    assert result["weights"] == weights_digest(Networks.of(ours))
    assert result["parameters"] == plain.count_params()
    assert type(ours.optimizer) is type(plain.optimizer)
    for start, mine, theirs in zip(before, ours.get_weights(), plain.get_weights(), strict=True):
        moved = np.abs(theirs - start).max()
        assert moved > 1e-5
        np.testing.assert_allclose(mine, theirs, atol=max(2e-5, 2e-3 * moved))


def test_class_weights_and_penalties_are_those_of_plain_keras(task_of: Callable[..., FitTask]) -> None:
    task = task_of(model=CNN, validation=None, class_weights="balanced", regularise={"l1": 0.001, "l2": 0.01})
    plain = fresh_model(task)
    import keras

    for layer in plain.layers:
        if hasattr(layer, "kernel"):
            layer.kernel.regularizer = keras.regularizers.L1L2(0.001, 0.01)
    plain.compile(keras.optimizers.SGD(0.1), "sparse_categorical_crossentropy")
    balanced = Dataset.at(task.lake, task.dataset).features["label"].balanced()
    losses = []
    for epoch in range(2):
        found = []
        for images, labels in real_batches(task, epoch):
            weights = np.array(balanced)[labels]
            found.append((len(labels), plain.test_on_batch({"image": images}, labels, sample_weight=weights)))
            plain.train_on_batch({"image": images}, labels, sample_weight=weights)
        losses.append(found)
    result = fit(task, ALONE, silent)
    for mine, theirs in zip(fitted_model(task).get_weights(), plain.get_weights(), strict=True):
        np.testing.assert_allclose(mine, theirs, atol=2e-5)
    assert fitted_model(task).get_layer("dense").kernel_regularizer.l2 == pytest.approx(0.01)
    assert len(result["history"]) == 2


def test_the_same_task_gives_the_same_weights_bit_for_bit_and_another_seed_others(
        task_of: Callable[..., FitTask]) -> None:
    settings = {"model": {**CNN, "dropout": 0.3}, "augment": {"rotate": 10, "shift": 1}, "epochs": 1}
    first, again = (fit(task_of(name, **settings), ALONE, silent) for name in ("first", "again"))
    other = fit(task_of("other", seed=4, **settings), ALONE, silent)
    assert first["weights"] == again["weights"] != other["weights"]


def test_our_own_graphs_write_no_files(task_of: Callable[..., FitTask]) -> None:
    """AutoGraph would, one a function, in the temporary folder."""
    before = set(sys.modules)
    fit(task_of("plain", epochs=1, augment={"rotate": 10}), ALONE, silent)
    assert not [name for name in set(sys.modules) - before if "autograph_generated" in name]


def test_augmentation_changes_what_is_trained_on_but_not_what_is_validated(task_of: Callable[..., FitTask],
                                                                           dataset: Version) -> None:
    plain, augmented = task_of("plain", epochs=1), task_of("augmented", epochs=1, augment={"rotate": 90, "shift": 3})
    losses = [fit(task, ALONE, silent)["history"][0] for task in (plain, augmented)]
    assert losses[0]["loss"] != pytest.approx(losses[1]["loss"], rel=1e-3)
    model, (images, labels) = fitted_model(augmented), tiny.rows_of(dataset, "val")
    probabilities = np.asarray(model({"image": images}), np.float64)[np.arange(len(labels)), labels]
    assert losses[1]["val_loss"] == pytest.approx(-np.log(probabilities).mean(), rel=1e-5)


def test_a_step_and_an_epoch_are_reported_with_where_they_stand(task_of: Callable[..., FitTask],
                                                                monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timing, "REPORT_EVERY_S", 0.0)
    events: list[Event] = []
    result = fit(task_of(), ALONE, events.append)
    steps = [event for event in events if isinstance(event, StepEnded)]
    assert [(event.epoch, event.step) for event in steps] == [(e, s) for e in (1, 2) for s in range(1, 8)]
    assert all((event.epochs, event.steps) == (2, 7) and event.logs["rows_per_s"] > 0 for event in steps)
    assert {"loss", "accuracy"} <= steps[0].logs.keys()
    epochs = [event for event in events if isinstance(event, EpochEnded)]
    assert epochs == [EpochEnded(row["epoch"], 2, row) for row in result["history"]]
    assert result["computing_s"] > 0
    assert result["waiting_s"] > 0


def test_a_loss_that_is_no_number_ends_training_with_rank_and_step(task_of: Callable[..., FitTask],
                                                                   dataset: Version) -> None:
    task = task_of(optimizer={"name": "sgd", "learning_rate": 1e38})
    with pytest.raises(DataError) as caught:
        fit(task, ALONE, silent)
    assert "rank 0, epoch 1, step " in caught.value.subject
    assert caught.value.subject.endswith(" of 7")
    assert "the loss is nan" in caught.value.problem or "the loss is inf" in caught.value.problem
    assert "learning rate" in caught.value.hint
    assert dataset.lake.table("checkpoints", "tiny").versions() == []


@pytest.mark.parametrize(("settings", "error", "message"), [
    ({"model": {"name": "alexnet"}}, ValidationError, "alexnet"),
    ({"split": "trian"}, DataError, "Did you mean 'train'?"),
    ({"validation": "vall"}, DataError, "Did you mean 'val'?"),
], ids=["model", "split", "validation"])
def test_what_does_not_exist_is_refused(task_of: Callable[..., FitTask], settings: dict[str, Any],
                                        error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        fit(task_of(**settings), ALONE, silent)


def test_features_that_the_model_can_not_take_are_refused_with_the_models_that_can(
        task_of: Callable[..., FitTask]) -> None:
    with pytest.raises(DataError, match="cnn or resnet"):
        fit(task_of(model={"name": "rnn"}), ALONE, silent)
