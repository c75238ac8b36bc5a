"""Models are parsed from the YAML, and built from a dataset's features: plain pixels in, probabilities out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError
from tests import tiny

from laketrain.errors import ConfigError
from laketrain.imports import import_tensorflow
from laketrain.models import parse_model
from laketrain.workload import Workload

from .pixel_features import MEAN, STD, features

CONF = Path(__file__).parents[2] / "conf" / "mnist.yaml"


@pytest.mark.parametrize(("settings", "kind", "values"), [
    ({"name": "linear"}, "Linear", {"initializer": "glorot_uniform"}),
    ({"name": "cnn"}, "Cnn",
     {"filters": 32, "convolutions": 1, "kernel": 3, "dense": 128, "dropout": 0.0, "initializer": "glorot_uniform"}),
    ({"name": "cnn", "filters": 4, "kernel": 5, "dense": 8, "dropout": 0.5, "initializer": "he_normal"}, "Cnn",
     {"filters": 4, "convolutions": 1, "kernel": 5, "dense": 8, "dropout": 0.5, "initializer": "he_normal"}),
    ({"name": "cnn", "filters": [32, 64], "convolutions": 2}, "Cnn",
     {"filters": [32, 64], "convolutions": 2, "kernel": 3, "dense": 128, "dropout": 0.0,
      "initializer": "glorot_uniform"}),
])
def test_a_declaration_is_parsed_into_the_model_of_that_name(settings: dict[str, Any], kind: str,
                                                             values: dict[str, Any]) -> None:
    model = parse_model(settings)
    assert type(model).__name__ == kind
    assert model.model_dump() == {"name": settings["name"], **values}


@pytest.mark.parametrize("settings", [
    {"name": "resnext"}, {}, {"name": "linear", "filters": 3}, {"name": "resnet", "stages": []},
    {"name": "mlp", "initializer": "zeros"}, {"use": "my_models"}, {"name": "cnn", "filters": 0},
    {"name": "cnn", "dropout": 1.0}, {"name": "cnn", "filters": "32"},
    {"name": "cnn", "filters": []}, {"name": "cnn", "filters": [8, 0]}, {"name": "cnn", "convolutions": 0},
])
def test_invalid_settings_of_a_model_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        parse_model(settings)


@pytest.mark.parametrize(("model", "messages"), [
    ({"name": "cnnn"}, ["'cnnn'", "Did you mean 'cnn'?"]),
    ({"name": "liner"}, ["'liner'", "Did you mean 'linear'?"]),
    ({"name": "cnn", "filter": 3}, ["unknown key 'filter'", "Did you mean 'filters'?"]),
    ({"name": "cnn", "dense": "many"}, ["'many'", "a whole number"]),
    ({"filters": 3}, ["filters", "expected", "'name'", "cnn, linear, mlp, resnet, rnn, tcn, text"]),
])
def test_a_typo_in_the_yaml_is_refused_with_the_nearest_name(model: dict[str, Any], messages: list[str]) -> None:
    with pytest.raises(ConfigError) as caught:
        Workload.load(CONF, sets=[f"train.model={json.dumps(model)}"])
    [problem] = caught.value.problems
    assert "train.model" in problem.where
    assert all(part in str(problem) for part in messages), str(problem)


@pytest.mark.slow
@pytest.mark.parametrize(("settings", "weights"), [
    ({"name": "linear"}, 6 * 5 * 3 * 3 + 3),
    # 3×3 kernels of 3 channels, pooled 4×3 → 2×1, then two dense layers.
    ({"name": "cnn", "filters": 4, "dense": 7}, (3 * 3 * 3 * 4 + 4) + (2 * 1 * 4 * 7 + 7) + (7 * 3 + 3)),
    # 2×2 kernels, twice: 6×5 → 4×3, pooled 2×1.
    ({"name": "cnn", "filters": [4], "convolutions": 2, "kernel": 2, "dense": 7},
     (2 * 2 * 3 * 4 + 4) + (2 * 2 * 4 * 4 + 4) + (2 * 1 * 4 * 7 + 7) + (7 * 3 + 3)),
    # 1×1 kernels in two blocks: 6×5 → 3×2 → 1×1.
    ({"name": "cnn", "filters": [4, 5], "kernel": 1, "dense": 7},
     (3 * 4 + 4) + (4 * 5 + 5) + (5 * 7 + 7) + (7 * 3 + 3)),
])
def test_a_model_accepts_pixels_and_returns_probabilities(settings: dict[str, Any], weights: int) -> None:
    model = parse_model(settings).build(features())
    pixels = np.random.default_rng(0).integers(0, 256, (9, 6, 5, 3)).astype(np.uint8)
    output = np.asarray(model({"picture": pixels}))
    assert model.count_params() == weights
    assert output.shape == (9, 3)
    assert output.dtype == np.float32
    np.testing.assert_allclose(output.sum(axis=1), 1, rtol=1e-5)
    [tensor] = model.inputs
    assert (tensor.name, tensor.dtype) == ("picture", "uint8")


@pytest.mark.slow
@pytest.mark.parametrize(("statistics", "mean", "std"), [
    ({"mean": MEAN, "std": STD}, MEAN, STD),
    (None, 0.0, 1.0),
    ({"mean": 0.0, "std": 0.0}, 0.0, 1.0),  # a split of black images: nothing to divide by
])
def test_standardisation_in_the_model_equals_numpys(statistics: Any, mean: float, std: float) -> None:
    import_tensorflow()
    import keras

    model = parse_model({"name": "linear"}).build(
        features({"kind": "image", "shape": [6, 5, 3], "statistics": statistics}))
    within = keras.Model(model.inputs, model.get_layer("standardise_picture").output)
    pixels = np.arange(2 * 90).astype(np.uint8).reshape(2, 6, 5, 3)
    np.testing.assert_allclose(np.asarray(within({"picture": pixels})), (pixels / 255.0 - mean) / std, atol=1e-5)


@pytest.mark.slow
def test_the_statistics_of_the_train_split_are_in_the_tiny_dataset(tmp_path: Path) -> None:
    """The other tests rely on it: the fixture computes statistics as convert does."""
    from laketrain.feed.dataset import Dataset
    from laketrain.lake import Lake

    version = tiny.commit_tiny(Lake(tmp_path))
    images, labels = tiny.rows_of(version, "train")
    features = Dataset(version).features
    assert features["image"].statistics.mean == pytest.approx((images / 255).mean())
    assert features["image"].statistics.std == pytest.approx((images / 255).std())
    assert features["label"].statistics.rows == tuple(np.bincount(labels, minlength=tiny.CLASSES))
