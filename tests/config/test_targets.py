"""A model that doesn't fit the features, or a gate of metrics that no target has, is told before Spark starts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from laketrain.errors import ConfigError
from laketrain.workload import Job

CONF = Path(__file__).parents[2] / "conf" / "mnist.yaml"
TWO = {"image": {"kind": "image", "column": "pixels", "shape": [28, 28, 1]}, "label": {"kind": "label", "classes": 10},
       "size": {"kind": "value", "column": "label", "size": 1}, "digit_id": {"kind": "key"}}


def refused(**sets: Any) -> str:
    with pytest.raises(ConfigError) as caught:
        load(**sets)
    [problem] = caught.value.problems
    return str(problem)


def load(**sets: Any) -> Job:
    return Job.load(CONF, sets=[f"{key.replace('__', '.')}={json.dumps(value)}" for key, value in sets.items()])


@pytest.mark.parametrize(("model", "said"), [
    ({"name": "rnn"}, "model 'rnn' needs an input of kind sequence or audio or text, the dataset has image (image). "
     "Use cnn or resnet for image inputs"),
    ({"name": "text"}, "Use cnn or resnet for image inputs"),
])
def test_a_model_that_does_not_fit_names_one_that_does(model: dict[str, Any], said: str) -> None:
    assert said in refused(train__model=model)


@pytest.mark.parametrize(("gate", "said"), [
    ({"mae": "< 1"}, "'mae' is no metric of the targets label (label)"),
    ({"acuracy": ">= 0.9"}, "there is no metric 'acuracy'. Did you mean 'accuracy'?"),
    ({"lable.accuracy": ">= 0.9"}, "'lable.accuracy' is no metric of the targets label (label)"),
])
def test_a_gate_that_nothing_could_keep_is_refused(gate: dict[str, str], said: str) -> None:
    assert said in refused(evaluate__gate=gate)


def test_with_several_targets_the_gate_says_which() -> None:
    said = refused(convert__features=TWO, evaluate__gate={"accuracy": ">= 0.9"})
    assert "'accuracy' is no metric of the targets label (label), size (value)" in said
    assert "'label.accuracy'" in said
    gate = {"label.accuracy": ">= 0.9", "size.mae": "< 1"}
    job = load(convert__features=TWO, evaluate__gate=gate)
    assert job.workload.evaluate is not None and job.workload.evaluate.gate == gate


def test_of_a_single_target_a_metric_may_name_it() -> None:
    assert load(evaluate__gate={"label.accuracy": ">= 0.9"}).workload.evaluate is not None
