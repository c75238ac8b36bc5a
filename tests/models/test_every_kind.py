"""Every model accepts the kinds that it names, has an output for each target, and is loaded from disk unchanged."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from laketrain.imports import import_tensorflow
from laketrain.models import parse_model
from laketrain.models.saving import load_saved

from .mixed_features import INPUTS, SHAPES, mixed, rows_of

FLAT = ["age", "income", "loads", "shop", "user", "decade", "breed", "tags"]
ONE_LENGTH = [name for name in INPUTS if name != "song"]
MODELS: list[tuple[dict[str, Any], list[str]]] = [
    ({"name": "linear"}, ["title", *FLAT, "image", "visits", "speech"]),
    ({"name": "mlp", "batch_norm": True, "dropout": 0.1, "hidden": [8, 4]}, ONE_LENGTH[:10]),
    ({"name": "mlp", "categories": "embedding", "activation": "gelu"}, ["shop", "user", "decade"]),
    ({"name": "cnn", "filters": 2, "dense": 4}, ["image", *FLAT]),
    ({"name": "resnet", "stages": [1, 1], "filters": 4, "stochastic_depth": 0.3, "dropout": 0.1}, ["image", "age"]),
    ({"name": "resnet", "stages": [1], "filters": 2, "norm": "layer"}, ["image"]),
    ({"name": "rnn", "units": 4, "layers": 2, "dropout": 0.1}, ["visits", "body", "age"]),
    ({"name": "rnn", "units": 4, "cell": "lstm", "bidirectional": True}, ["song"]),
    ({"name": "tcn", "filters": 4, "layers": 2, "dropout": 0.1}, ["history", "title", "tags"]),
    ({"name": "tcn", "filters": 4, "layers": 2, "pooling": "last"}, ["history"]),
    ({"name": "text", "embedding": 4, "dense": 3, "dropout": 0.1}, ["title", "body", "shop"]),
    ({"name": "text", "embedding": 4, "body": "convolution", "filters": 3}, ["body"]),
]


@pytest.mark.slow
@pytest.mark.parametrize(("settings", "inputs"), MODELS)
def test_a_model_has_an_output_for_each_target_and_can_be_saved(settings: dict[str, Any], inputs: list[str],
                                                                tmp_path: Path) -> None:
    features = mixed(*inputs)
    model = parse_model(settings).build(features)
    rows = rows_of(features, 5)
    outputs = model(rows)
    assert {name: tuple(output.shape[1:]) for name, output in outputs.items()} == SHAPES
    assert {str(output.dtype.name) for output in outputs.values()} == {"float32"}
    np.testing.assert_allclose(np.asarray(outputs["label"]).sum(axis=1), 1, rtol=1e-5)
    assert ((np.asarray(outputs["topics"]) > 0) & (np.asarray(outputs["topics"]) < 1)).all()

    model.save(tmp_path / "model.keras")
    again = load_saved(str(tmp_path / "model.keras"), "it")(rows)
    assert all(np.array_equal(outputs[name], again[name]) for name in outputs)


@pytest.mark.slow
@pytest.mark.parametrize("target", list(SHAPES))
def test_a_single_target_is_a_plain_tensor(target: str) -> None:
    features = mixed("age", targets=[target])
    output = parse_model({"name": "linear"}).build(features)(rows_of(features, 4))
    assert tuple(output.shape) == (4, *SHAPES[target])


@pytest.mark.slow
def test_outputs_are_float32_whatever_the_compute_type() -> None:
    import_tensorflow()
    import keras

    features = mixed("image", "age")
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        model = parse_model({"name": "resnet", "stages": [1], "filters": 2}).build(features)
    finally:
        keras.config.set_dtype_policy(before)
    assert {str(output.dtype.name) for output in model(rows_of(features, 3)).values()} == {"float32"}
