"""Every model accepts the kinds that it names, has an output for each target, and is loaded from disk unchanged."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from laketrain.errors import DataError
from laketrain.features import FeatureSet
from laketrain.imports import import_tensorflow
from laketrain.models import parse_model
from laketrain.models.inputs import InputLayers
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


@pytest.mark.slow
@pytest.mark.parametrize("settings", [
    {"name": "rnn", "units": 4}, {"name": "tcn", "filters": 4, "layers": 2}, {"name": "text", "embedding": 4},
    {"name": "text", "embedding": 4, "body": "convolution", "kernels": [2, 3]}, {"name": "linear"}, {"name": "mlp"}])
def test_padding_of_a_text_does_not_change_the_output(settings: dict[str, Any]) -> None:
    features = mixed("body", targets=["label"])
    model = parse_model(settings).build(features)
    short = np.array([[2, 3, 0, 0], [4, 2, 1, 3], [2, 0, 0, 0]], np.int32)
    long = np.pad(short, ((0, 0), (0, 4)))
    np.testing.assert_allclose(np.asarray(model({"body": short})), np.asarray(model({"body": long})), atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("settings", [{"name": "rnn"}, {"name": "tcn"}, {"name": "text"}, {"name": "mlp"},
                                      {"name": "text", "body": "convolution"}])
def test_a_text_without_tokens_has_a_finite_output(settings: dict[str, Any]) -> None:
    model = parse_model(settings).build(mixed("title", targets=["label"]))
    assert np.isfinite(np.asarray(model({"title": np.zeros((2, 6), np.int32)}))).all()


@pytest.mark.slow
@pytest.mark.parametrize("both", [True, False])
def test_padded_sequences_do_not_use_cudnn(tmp_path: Path, both: bool) -> None:
    import_tensorflow()

    def cudnn(model: Any) -> dict[str, bool | str]:
        return {layer.name: layer.use_cudnn for layer in model._flatten_layers() if hasattr(layer, "use_cudnn")}

    declared = parse_model({"name": "rnn", "units": 3, "layers": 2, "bidirectional": both})
    for name, expected in (("visits", False), ("history", "auto")):
        model = declared.build(mixed(name, targets=["label"]))
        assert set(cudnn(model).values()) == {expected}
        model.save(tmp_path / "model.keras")
        assert set(cudnn(load_saved(str(tmp_path / "model.keras"), "model")).values()) == {expected}


@pytest.mark.slow
def test_a_masked_sequence_is_read_up_to_its_last_valid_step() -> None:
    """Compared with the same weights on only the valid steps, without a mask."""
    import_tensorflow()
    import keras

    model = parse_model({"name": "rnn", "units": 3}).build(mixed("visits", targets=["label"]))
    row = np.zeros((1, 5, 3), np.float32)
    row[0, :2] = [[0.5, -1, 1], [2, 0.25, 1]]
    layer = model.get_layer("gru_1")
    plain = keras.layers.GRU(3)
    plain.build((None, None, 3))
    plain.set_weights(layer.get_weights())
    kernel, bias = model.get_layer("label").get_weights()
    logits = np.asarray(plain(row[:, :2])) @ kernel + bias
    expected = np.exp(logits) / np.exp(logits).sum()
    np.testing.assert_allclose(np.asarray(model({"visits": row})), expected, atol=1e-6)


@pytest.mark.slow
def test_stochastic_depth_drops_whole_branches_of_single_rows() -> None:
    """In training a row's branch is dropped, or scaled by 1 / (1 - rate); the last block has the full rate."""
    import_tensorflow()
    import keras

    settings = {"name": "resnet", "stages": [1, 1], "filters": 2, "stochastic_depth": 0.5}
    model = parse_model(settings).build(mixed("image", targets=["label"]))
    rates = [layer.rate for layer in model.layers if layer.name.endswith("_depth")]
    assert rates == [0.25, 0.5]
    depth = model.get_layer("stage_2_block_1_depth")
    within = keras.Model(model.inputs, [depth.input, depth.output])
    before, after = (np.asarray(tensor) for tensor in within(
        {"image": np.random.default_rng(0).integers(0, 255, (64, 8, 8, 3)).astype(np.uint8)}, training=True))
    dropped = (after == 0).all(axis=(1, 2, 3))
    assert 0 < dropped.sum() < 64
    np.testing.assert_allclose(after[~dropped], 2 * before[~dropped], rtol=1e-5)


@pytest.mark.slow
def test_a_tcn_is_causal_and_has_its_documented_receptive_field() -> None:
    import_tensorflow()
    import keras

    # Enough filters that relu doesn't make all of them zero at the last step.
    model = parse_model({"name": "tcn", "filters": 32, "kernel": 2, "layers": 2}).build(
        FeatureSet.model_validate({"x": {"kind": "sequence", "shape": [12, 1]}, "y": {"kind": "value", "size": 1}}))
    within = keras.Model(model.inputs, model.get_layer("block_2_relu").output)
    row = np.random.default_rng(1).normal(size=(1, 12, 1)).astype(np.float32)
    changed = row.copy()
    changed[0, 4] += 3.0
    differs = np.abs(np.asarray(within({"x": row})) - np.asarray(within({"x": changed}))).max(axis=-1)[0] > 1e-7
    assert not differs[:4].any() and differs[4]
    assert not differs[4 + 1 + 2 * (2 - 1) * (2**2 - 1):].any()


@pytest.mark.slow
def test_input_layers_equal_numpys_one_hot_and_mean() -> None:
    import_tensorflow()
    import keras

    features = mixed("shop", "age", "income", "tags", targets=["label"])
    inputs = InputLayers.of(features)
    model = keras.Model(inputs.inputs, inputs.flat(list(features.inputs)))
    rows = {"shop": np.array([0, 2]), "age": np.array([1.5, -1], np.float32),
            "income": np.array([[0.5, 0], [0, 1]], np.float32), "tags": np.array([[1, 0, 1], [0, 0, 0]], np.uint8)}
    np.testing.assert_array_equal(np.asarray(model(rows)), [[1, 0, 0, 1.5, 0.5, 0, 1, 0, 1],
                                                            [0, 0, 1, -1, 0, 1, 0, 0, 0]])


@pytest.mark.parametrize(("settings", "inputs", "message"), [
    ({"name": "cnn"}, ["age"], "needs an input of kind image, the dataset has age (number). Next: use mlp or linear"),
    ({"name": "resnet"}, ["title"], "needs an input of kind image, the dataset has title (text). Next: use text or"),
    ({"name": "text"}, ["visits"], "needs an input of kind text, the dataset has visits (sequence). Next: use rnn or"),
    ({"name": "cnn"}, ["image", "title"], "doesn't take input 'title' of kind text. Next: use mlp, which takes every"),
    ({"name": "mlp"}, ["song"], "needs rows of one length, and input 'song' has buckets of"),
    ({"name": "rnn"}, ["image"], "needs an input of kind sequence or audio or text, the dataset has image (image). "
     "Next: use cnn or resnet for image inputs"),
])
def test_a_model_that_does_not_fit_the_features_suggests_one_that_does(settings: dict[str, Any], inputs: list[str],
                                                                     message: str) -> None:
    with pytest.raises(DataError) as caught:
        parse_model(settings).build(mixed(*inputs))
    assert f"[train] model {settings['name']!r}: {message}" in str(caught.value)


def test_a_target_that_no_model_predicts_is_refused() -> None:
    picture = {"kind": "image", "shape": [2, 2, 1], "role": "target"}
    features = FeatureSet.model_validate({"age": {"kind": "number"}, "picture": picture})
    with pytest.raises(DataError, match="has no output for target 'picture' of kind image"):
        parse_model({"name": "linear"}).build(features)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["linear", "mlp", "cnn", "resnet"])
def test_initial_weights_follow_from_the_seed_and_the_initializer(name: str) -> None:
    import_tensorflow()
    import keras

    def weights(**settings: Any) -> list[np.ndarray]:
        keras.utils.set_random_seed(5)
        return parse_model({"name": name, **settings}).build(mixed("image", targets=["label"])).get_weights()

    first, again, other = weights(), weights(), weights(initializer="random_uniform")
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert np.abs(other[0]).max() <= 0.05 < np.abs(first[0]).max()
