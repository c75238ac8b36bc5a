"""A model that doesn't fit the features, losses and metrics that don't suit the targets, or a gate of metrics that no
target has, are refused before Spark starts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from laketrain.errors import ConfigError
from laketrain.workload import Workload

CONF = Path(__file__).parents[2] / "conf" / "mnist.yaml"
TWO = {"image": {"kind": "image", "column": "pixels", "shape": [28, 28, 1]}, "label": {"kind": "label", "classes": 10},
       "size": {"kind": "value", "column": "label", "size": 1}, "digit_id": {"kind": "key"}}


def refused(**sets: Any) -> str:
    with pytest.raises(ConfigError) as caught:
        load(**sets)
    [problem] = caught.value.problems
    return str(problem)


def load(**sets: Any) -> Workload:
    return Workload.load(CONF, sets=[f"{key.replace('__', '.')}={json.dumps(value)}" for key, value in sets.items()])


@pytest.mark.parametrize(("model", "message"), [
    ({"name": "rnn"}, "model 'rnn' needs an input of kind sequence or audio or text, the dataset has image (image). "
     "Use cnn or resnet for image inputs"),
    ({"name": "text"}, "Use cnn or resnet for image inputs"),
])
def test_a_model_that_does_not_fit_names_one_that_does(model: dict[str, Any], message: str) -> None:
    assert message in refused(train__model=model)


@pytest.mark.parametrize(("gate", "message"), [
    ({"mae": "< 1"}, "'mae' isn't a metric of the targets label (label)"),
    ({"acuracy": ">= 0.9"}, "there is no metric 'acuracy'. Did you mean 'accuracy'?"),
    ({"lable.accuracy": ">= 0.9"}, "'lable.accuracy' isn't a metric of the targets label (label)"),
])
def test_a_gate_that_nothing_could_keep_is_refused(gate: dict[str, str], message: str) -> None:
    assert message in refused(evaluate__gate=gate)


@pytest.mark.parametrize(("sets", "message"), [
    ({"loss": "mse"}, "train.loss: loss of 'label': loss 'mse' suits no target of kind label; crossentropy"),
    ({"loss": {"labl": "focal"}}, "'labl': isn't a target of the dataset. Did you mean 'label'?"),
    ({"loss": {"nam": "focal"}}, "'nam': isn't a target of the dataset. Did you mean 'name'?"),
    ({"metrics": ["mae"]}, "metric 'mae' of 'label': suits no target of kind label. Accepted: accuracy"),
    ({"metrics": {"lable": ["accuracy"]}}, "'lable': isn't a target of the dataset. Did you mean 'label'?"),
    ({"monitor": "val_acuracy"}, "monitor 'val_acuracy': isn't measured. Did you mean 'val_accuracy'?"),
    ({"monitor": "val_loss", "validation": None}, "monitor 'val_loss': isn't measured"),
    ({"init_from": "model/mnist"}, "received 'model/mnist', expected a model of the lake or a .keras file"),
])
def test_what_training_could_not_do_is_refused(sets: dict[str, Any], message: str) -> None:
    assert message in refused(**{f"train__{key}": value for key, value in sets.items()})


def test_with_several_targets_losses_and_metrics_are_each_of_one() -> None:
    sets: dict[str, Any] = {"convert__features": TWO, "evaluate__gate": {}}
    assert "loss of 'size': is not declared" in refused(**sets, train__loss={"label": "auto"})
    assert "metric 'accuracy' of 'size': suits no" in refused(**sets, train__metrics=["accuracy"])
    assert "monitor 'val_mae': isn't measured. Did you mean 'val_size_mae'?" in refused(
        **sets, train__monitor="val_mae")
    values = {"image": TWO["image"], "size": TWO["size"], "digit_id": TWO["digit_id"]}
    assert "class_weights: the targets are size" in refused(
        convert__features=values, evaluate__gate={}, train__class_weights="balanced")
    assert load(**sets, train__monitor="size_mae").train is not None


def test_a_lake_of_a_storage_that_nobody_knows_is_refused() -> None:
    assert "lake: got the scheme 'gs', expected a path or one of file, hdfs" in refused(lake="gs://bucket/lake")


def test_with_several_targets_the_gate_says_which() -> None:
    message = refused(convert__features=TWO, evaluate__gate={"accuracy": ">= 0.9"})
    assert "'accuracy' isn't a metric of the targets label (label), size (value)" in message
    assert "'label.accuracy'" in message
    gate = {"label.accuracy": ">= 0.9", "size.mae": "< 1"}
    workload = load(convert__features=TWO, evaluate__gate=gate)
    assert workload.evaluate is not None and workload.evaluate.gate == gate


def test_of_a_single_target_a_metric_may_name_it() -> None:
    assert load(evaluate__gate={"label.accuracy": ">= 0.9"}).evaluate is not None
