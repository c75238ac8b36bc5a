"""A model's outputs are one a target unless it declares others, and its version remembers them."""

from __future__ import annotations

import pickle

import pytest

from laketrain.errors import DataError
from laketrain.features import FeatureSet
from laketrain.tasks import TASKS, Output, default_outputs, outputs_meta, read_outputs

FEATURES = FeatureSet.model_validate({
    "photo": {"kind": "image", "shape": [2, 2, 1]}, "label": {"kind": "label", "classes": 3},
    "price": {"kind": "value", "size": 2}})


def test_by_default_each_target_is_an_output_with_the_task_of_its_kind() -> None:
    outputs = default_outputs(FEATURES)
    assert {name: (output.task.name, output.truth, output.shape) for name, output in outputs.items()} == {
        "label": ("classification", "label", (3,)), "price": ("regression", "price", (2,))}


def test_a_version_remembers_the_outputs_of_its_model() -> None:
    outputs = {"copy": Output(TASKS["image"], FEATURES["photo"], "photo")}
    recorded = outputs_meta(outputs)
    assert recorded == {"copy": {"task": "image", "truth": "photo"}}
    assert read_outputs(recorded, FEATURES) == outputs


def test_a_version_without_outputs_has_the_default_ones() -> None:
    assert read_outputs(None, FEATURES) == default_outputs(FEATURES)


def test_outputs_survive_pickling() -> None:
    outputs = default_outputs(FEATURES)
    assert pickle.loads(pickle.dumps(outputs)) == outputs


@pytest.mark.parametrize(("task", "message"), [
    ("classificaton", "task 'classificaton': is not registered. Next: Did you mean 'classification'?"),
    ("regression", "task 'regression' of target 'label': is for targets of kind value, not label. "
                   "Next: expected one of classification")])
def test_a_task_that_cannot_learn_a_target_is_refused(task: str, message: str) -> None:
    features = FeatureSet.model_validate({"label": {"kind": "label", "classes": 3, "task": task}})
    with pytest.raises(DataError) as caught:
        default_outputs(features)
    assert message in str(caught.value)


def test_a_feature_without_a_task_is_saved_as_before_there_were_tasks() -> None:
    assert "task" not in FEATURES.to_json()
    named = FeatureSet.model_validate({"price": {"kind": "value", "size": 2, "task": "regression"}})
    assert FeatureSet.from_json(named.to_json()) == named


def test_an_input_has_no_task() -> None:
    with pytest.raises(ValueError, match="`task` is for targets"):
        FeatureSet.model_validate({"x": {"kind": "label", "role": "input", "classes": 3, "task": "classification"}})
