"""Every key of every model of the zoo changes the output or the layers, with each kind of input that `laketrain check`
accepts it with. The trials are those of tools/train_keys.py, which also
writes docs/reference/train-keys.md."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest

from laketrain.features import FeatureSet
from laketrain.imports import import_tensorflow
from laketrain.models import parse_model
from train_keys import INPUTS, MODELS, OF_ZOO, TARGETS, model_keys, model_settings, scope_of_model

from .mixed_features import rows_of

KEYS = [(model, key) for model, keys in MODELS.items() for key in keys]
LEARNT: dict[str, dict[str, Any]] = {
    "category": {"learnt_values": ["x", "y"]}, "text": {"learnt_vocabulary": ["u", "v"]},
    "image": {"statistics": {"mean": 0.4, "std": 0.2}},
}


def test_each_key_of_each_model_has_a_trial() -> None:
    assert {(model, key) for model, keys in model_keys().items() for key in keys} == set(KEYS)


@pytest.mark.parametrize(("model", "key"), KEYS)
def test_a_refusal_names_the_key_and_its_purpose(model: str, key: str) -> None:
    scope = scope_of_model(model, key)
    assert scope.inputs
    for message in scope.refusals.values():
        assert f"train.model.{key}: model '{model}': {key} " in message and "is for inputs of kind" in message
        assert "Remove it" in message


@pytest.mark.slow
@pytest.mark.parametrize(("model", "key"), KEYS)
def test_an_accepted_key_changes_the_output_for_each_target(model: str, key: str) -> None:
    plain, changed = model_settings(model, key)
    for kind in scope_of_model(model, key).inputs:
        if kind == "compressed image":
            continue  # to the model it is the same tensor
        before, after = outputs_of(str(plain), kind), outputs_of(str(changed), kind)
        same = [target for target in before if np.array_equal(before[target], after[target])]
        assert not same, f"{key} of {model} changes nothing of {same}, from a {kind}"


@cache
def outputs_of(settings: str, kind: str) -> dict[str, np.ndarray[Any, Any]]:
    """The output for each target, in a training step."""
    import ast

    import_tensorflow()
    import keras

    learnt = LEARNT.get(INPUTS[kind]["kind"], {})
    features = FeatureSet.model_validate({"given": {**INPUTS[kind], **learnt},
                                          **{f"a_{target}": TARGETS[target] for target in OF_ZOO}})
    keras.utils.set_random_seed(3)
    model = parse_model(ast.literal_eval(settings)).build(features)
    keras.utils.set_random_seed(3)
    return {name: np.asarray(output) for name, output in model(rows_of(features, 16), training=True).items()}
