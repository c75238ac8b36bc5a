"""Every key of `train` has an effect on the weights wherever `laketrain check` accepts it, or is refused by it.

The keys come from the config's own models and the trials from tools/train_keys.py, which also writes
docs/reference/train-keys.md: a key that is new, or does nothing, fails here.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pytest

from laketrain.config.optimizer import Optimizer
from laketrain.distributed import World
from laketrain.imports import import_tensorflow
from laketrain.lake import Lake, Version
from laketrain.models.networks import Networks
from laketrain.models.saving import save_networks
from laketrain.train.fit import FitTask, fit
from laketrain.train.user_code import pack_user_code
from laketrain.workload import Train
from train_keys import INPUTS, NO_WEIGHTS, PAGE, SEVERAL, TARGETS, TRIALS, refusal, scope_of, train_keys
from train_keys import page as written

from .kinds import commit_kinds, features_of

WHOLE = bool(os.environ.get("LAKETRAIN_WALK"))
"""Whether the walk is whole (`make walk`, some minutes). Else trainings have two kinds of inputs and of targets, and
settings of optimizers and losses are tried out by themselves alone."""

ALONE = ("class_weights", "augment.mixup", "augment.cutmix")
"""Keys that want a single target, or a single input."""

Settings = dict[str, Any]
Arrays = dict[str, np.ndarray[Any, Any]]


def test_each_key_of_train_has_its_place_in_the_walk() -> None:
    assert set(train_keys()) == set(TRIALS)
    assert set(NO_WEIGHTS) < set(TRIALS)


@pytest.mark.slow
def test_the_table_of_keys_is_what_check_says() -> None:
    assert PAGE.read_text("utf-8") == written(), f"{PAGE} is out of date: run make reference"


@pytest.mark.slow
@pytest.mark.parametrize("key", TRIALS)
def test_what_is_refused_names_the_key_and_the_way_out(key: str) -> None:
    scope = scope_of(key)
    assert scope.inputs and scope.targets
    for message in scope.refusals.values():
        assert f"train.{key.split('.')[0]}" in message
        hints = ("Remove", "Choose", "Only", "Expected one label; remove", " do")
        assert any(hint in message for hint in hints), message


class Walk:
    """Trainings on datasets of some kinds, each done once."""

    def __init__(self, lake: Lake, patch: pytest.MonkeyPatch) -> None:
        self._lake = lake
        self._datasets: dict[Any, Version] = {}
        self._fitted: dict[str, Arrays] = {}
        self.model: Any = None
        # What is to be committed is looked at instead of being written, which would take as long as the training.
        patch.setattr("laketrain.train.fit.save_networks",
                      lambda networks, store, folder: setattr(self, "model", networks.predicting))

    def dataset(self, inputs: Sequence[str], targets: Mapping[str, str]) -> Version:
        """Of these kinds of inputs, and targets by name."""
        kinds = (tuple(inputs), tuple(targets.items()))
        if kinds not in self._datasets:
            self._datasets[kinds] = commit_kinds(self._lake, f"d{len(self._datasets)}", inputs, targets)
        return self._datasets[kinds]

    def another(self, dataset: Version, settings: Settings) -> str:
        """A saved model of the same layers that begins with other weights."""
        output = f"another/{dataset.name}"
        if not self._lake.store.exists(f"{output}/model.keras"):
            self.weights(dataset, {**settings, "seed": 5})
            save_networks(Networks.of(self.model), self._lake.store, output)
        return f"{self._lake.url}/{output}/model.keras"

    def weights(self, dataset: Version, settings: Settings) -> Arrays:
        """Of the committed model, by the variable's path."""
        key = json.dumps([dataset.ref, settings], sort_keys=True)
        if key not in self._fitted:
            config = Train.model_validate(settings).on(1)
            task = FitTask(self._lake.url, dataset.ref, config, "walk", f"run {len(self._fitted)}", output="walk",
                           user=pack_user_code(config))
            fit(task, World(0, 1), lambda event: None)
            self._fitted[key] = {variable.path: np.asarray(variable) for variable in self.model.variables}
        return self._fitted[key]


@pytest.fixture(scope="module")
def walk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Walk]:
    with pytest.MonkeyPatch.context() as patch:
        yield Walk(Lake(tmp_path_factory.mktemp("walk")), patch)


def accepted(key: str, target: str) -> tuple[Settings, Settings]:
    """The first section without the key, and with it, that `check` accepts for a target of this kind."""
    return next(pair for pair in TRIALS[key].pairs(key) if not refusal(pair[1], [TRIALS[key].input], [target]))


def settings_of(key: str, targets: Mapping[str, str]) -> tuple[Settings, Settings]:
    """The section without the key and with it; a loss is that of each target, where the key is for its kind."""
    scope = scope_of(key)
    plain, changed = accepted(key, TRIALS[key].target)
    if key.startswith("loss."):
        for section, which in ((plain, 0), (changed, 1)):
            section["loss"] = {name: accepted(key, kind)[which].get("loss", "auto") if kind in scope.targets else "auto"
                               for name, kind in targets.items()}
    return plain, changed


@pytest.mark.slow
@pytest.mark.parametrize("key", [key for key, trials in TRIALS.items() if key not in NO_WEIGHTS and key not in ALONE
                                 and (WHOLE or len(trials.besides) == 1)])
def test_a_key_that_is_accepted_leads_to_other_weights(key: str, walk: Walk) -> None:
    """One training of a model whose parts share nothing: for each kind of input a part that sees it alone, and one for
    each kind of target."""
    scope, trials, kinds = scope_of(key), TRIALS[key], list(INPUTS) if WHOLE else ["number", "image"]
    of_targets = list(TARGETS) if WHOLE else ["label", "value"]
    targets = {**{f"of_in_{number}": trials.target for number in range(len(kinds))},
               **{f"out_{number}": kind for number, kind in enumerate(of_targets)}}
    dataset = walk.dataset(kinds, targets)
    model = {"use": "train_keys_code:model", "settings": {"given": f"in_{kinds.index(trials.input)}"}}
    plain, changed = ({**section, "model": model, "metrics": []} for section in settings_of(key, targets))
    if key == "init_from":
        changed["init_from"] = walk.another(dataset, plain)
    before, after = walk.weights(dataset, plain), walk.weights(dataset, changed)
    expected = {**{f"of_in_{number}": kind for number, kind in enumerate(kinds) if kind in scope.inputs},
                **{f"out_{number}": f"{kind} as the target" for number, kind in enumerate(of_targets)
                   if kind in scope.targets}}
    same = [kind for name, kind in expected.items() if unchanged(before, after, f"{name}_", f"{name}/")]
    assert not same, f"train.{key} is accepted, and changes no weight of {', '.join(same)}"


@pytest.mark.slow
@pytest.mark.parametrize("key", ALONE)
def test_so_does_one_that_wants_a_single_target(key: str, walk: Walk) -> None:
    for kind in scope_of(key).inputs[:None if WHOLE else 2]:
        for target in (one for one in scope_of(key).targets if one != SEVERAL):
            dataset = walk.dataset([kind], {"out_0": target})
            plain, changed = (walk.weights(dataset, section) for section in settings_of(key, {"out_0": target}))
            assert not unchanged(plain, changed, ""), f"train.{key} changes no weight from {kind} to {target}"


def unchanged(before: Arrays, after: Arrays, *starts: str) -> bool:
    """Whether all weights are the same whose path begins so."""
    paths = [path for path in before if path.startswith(starts)]
    assert paths
    return all(np.array_equal(before[path], after[path]) for path in paths)


OPTIMIZERS = [(key.split(".")[1], changed["optimizer"], plain["optimizer"])
              for key, tried in TRIALS.items() if len(tried.besides) > 1 and key.startswith("optimizer.")
              for plain, changed in tried.pairs(key) if key not in NO_WEIGHTS]


@pytest.mark.slow
@pytest.mark.parametrize(("key", "changed", "plain"), OPTIMIZERS,
                         ids=[f"{key}-{plain['name']}" for key, _, plain in OPTIMIZERS])
def test_a_setting_that_an_optimizer_takes_changes_its_steps(key: str, changed: Settings, plain: Settings) -> None:
    if refusal({"model": {"name": "linear"}, "optimizer": changed}, ["number"], ["label"]):
        return  # what it says is looked at above
    assert not all(np.array_equal(*pair) for pair in zip(stepped(plain), stepped(changed), strict=True))


def stepped(settings: Settings) -> list[np.ndarray[Any, Any]]:
    """The weights of a small model after five steps along the same gradients."""
    import_tensorflow()
    import keras

    from laketrain.train.compile import build_optimizer, set_layer_rates

    keras.utils.set_random_seed(0)
    config = Optimizer.model_validate(settings)
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, name="one")])
    model.compile(optimizer=build_optimizer(config))
    model.optimizer.build(model.trainable_variables)
    set_layer_rates(Networks.of(model), config.layer_rates)
    random = np.random.default_rng(0)
    for size in (3.0, 0.1, 1.0, 0.01, 0.001):
        gradients = [keras.ops.convert_to_tensor(random.normal(scale=size, size=variable.shape).astype(np.float32))
                     for variable in model.trainable_variables]
        model.optimizer.apply(gradients, model.trainable_variables)
    if config.ema is not None:
        model.optimizer.finalize_variable_values(model.trainable_variables)
    return [np.asarray(weight) for weight in model.get_weights()]


LOSSES = [(kind, key, pair) for key in TRIALS if key.startswith("loss.") for kind in TARGETS
          for pair in TRIALS[key].pairs(key)]


@pytest.mark.slow
def test_a_setting_that_a_loss_takes_for_a_target_changes_the_loss() -> None:
    walked = 0
    for kind, key, (plain, changed) in LOSSES:
        if key != "loss.use" and not refusal(changed, ["number"], [kind]):
            walked += 1
            assert loss_of(kind, plain) != loss_of(kind, changed), f"train.{key} of a {kind}, beside {plain}"
    assert walked > 40


def loss_of(kind: str, settings: Settings) -> float:
    """Of some rows that are predicted badly."""
    import_tensorflow()
    import tensorflow as tf

    from laketrain.train.objective import Objective

    random, features = np.random.default_rng(0), features_of(["number"], {"out_0": kind})
    shape = (8, *features["out_0"].shape)
    if kind == "label":
        truth, predictions = random.integers(0, 3, 8), random.dirichlet([1, 1, 1], 8)
    elif kind in ("multilabel", "image"):
        truth, predictions = random.integers(0, 2, shape), random.uniform(0.05, 0.95, shape)
    else:
        truth, predictions = random.normal(size=shape).astype(np.float32), random.normal(size=shape)
    config = Train.model_validate({**settings, "loss": settings.get("loss", {"name": "auto"})})
    objective = Objective(features, config, {})
    result = objective.loss(tf.constant(truth), tf.constant(predictions, tf.float32), tf.ones(8), training=True)
    return float(result.numpy())
