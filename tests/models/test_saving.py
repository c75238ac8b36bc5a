"""The inputs of a saved model, as documented: loaded by plain Keras, it predicts correctly from prepared values, and
from raw ones only for images. Expected predictions are NumPy's, from the raw values and the model's weights."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pytest

from laketrain.features import FeatureSet
from laketrain.models import parse_model

pytestmark = pytest.mark.slow
Array = npt.NDArray[Any]
NUMBERS = [1.0, 5.0, 9.0, 33.0]
VECTORS = [[1.0, 200.0], [3.0, 250.0], [8.0, 900.0], [4.0, 410.0]]
STEPS = [[[1.0, 90.0], [4.0, 10.0]], [[2.0, 70.0], [9.0, 30.0]]]
PIXELS = [[0, 255, 90, 3], [7, 7, 200, 31]]


def standard(values: Array) -> Array:
    """Each component apart, over all rows and steps."""
    flat = values.reshape(-1, values.shape[-1])
    return (values - flat.mean(axis=0)) / flat.std(axis=0)


def one_hot(numbers: list[int], count: int) -> Array:
    return np.eye(count)[numbers]


def of_pixels(raw: Array) -> Array:
    shares = raw / 255
    return (shares - shares.mean()) / shares.std()


RAW: dict[str, tuple[dict[str, Any], list[Any], Callable[[Array], Array]]] = {
    "image": ({"shape": [2, 2, 1]}, PIXELS, of_pixels),
    "number": ({}, NUMBERS, lambda raw: standard(raw[:, None])),
    "vector": ({"size": 2}, VECTORS, standard),
    "sequence": ({"shape": [2, 2]}, STEPS, standard),
    "bucket": ({"edges": [4.0, 20.0]}, NUMBERS, lambda raw: one_hot([1, 2, 2, 3], 4)),
    "category": ({}, ["b", "a", "a", "c"], lambda raw: one_hot([2, 1, 1, 3], 4)),
    "label": ({"role": "input", "names": ["a", "b", "c"]}, ["b", "a", "a", "c"], lambda raw: one_hot([1, 0, 0, 2], 3)),
    "multilabel": ({"role": "input", "names": ["p", "q"]}, [["q"], [], ["p", "q"]],
                   lambda raw: np.array([[0, 1], [0, 0], [1, 1]])),
}
TEXTS = {"category", "label", "multilabel"}


def saved(kind: str, folder: Path, **more: Any) -> tuple[Any, FeatureSet, list[Any]]:
    """A linear model that was saved and loaded by plain Keras; the fitted feature of its input; raw values."""
    import keras

    settings, raw, _ = RAW[kind]
    features = FeatureSet.model_validate({"x": {"kind": kind, "column": "x", **settings, **more},
                                          "y": {"kind": "value", "columns": ["y"]}})
    rows = pa.RecordBatch.from_pydict({"x": raw, "y": np.arange(len(raw), dtype=float)})
    for first in (True, False):
        features = features.fit([features.tally(rows, first)], first)
    parse_model({"name": "linear"}).build(features).save(folder / "model.keras")
    model: Any = keras.saving.load_model(folder / "model.keras")
    return model, FeatureSet.of({"x": features["x"]}), raw


def prepared(features: FeatureSet, raw: list[Any], column: str = "x") -> dict[str, Array]:
    """As in docs/how-to/use-a-model.md."""
    stored, reasons = features.encode_batch(pa.table({column: raw}))
    assert reasons.null_count == len(raw)
    return features.tensors(stored)


def by_numpy(model: Any, hand: Array) -> Array:
    kernel, bias = (np.asarray(weight, np.float64) for weight in model.get_weights())
    return np.asarray(hand, np.float64).reshape(len(hand), -1) @ kernel + bias


@pytest.mark.parametrize("kind", RAW)
def test_prepared_values_have_correct_predictions_for_every_kind(kind: str, tmp_path: Path) -> None:
    model, features, raw = saved(kind, tmp_path)
    hand = RAW[kind][2](np.array(raw) if kind not in TEXTS else np.zeros(0))
    np.testing.assert_allclose(model(prepared(features, raw)), by_numpy(model, hand), rtol=1e-4, atol=1e-4)


def test_an_image_model_accepts_raw_pixels(tmp_path: Path) -> None:
    model, _, raw = saved("image", tmp_path)
    pixels = np.array(raw, np.uint8).reshape(-1, 2, 2, 1)
    np.testing.assert_allclose(model({"x": pixels}), by_numpy(model, of_pixels(np.array(raw))), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("kind", ["number", "vector", "sequence", "bucket"])
def test_raw_numbers_have_other_predictions(kind: str, tmp_path: Path) -> None:
    model, _, raw = saved(kind, tmp_path)
    values = np.array(raw, np.int64 if kind == "bucket" else np.float32)
    if kind == "bucket":
        values = np.minimum(values, 3)  # a number beyond the last bucket isn't a row of the one-hot layer
    right = by_numpy(model, RAW[kind][2](np.array(raw)))
    assert np.abs(np.asarray(model({"x": values})) - right).max() > 0.05


@pytest.mark.parametrize("kind", ["category", "label"])
def test_raw_texts_are_not_inputs(kind: str, tmp_path: Path) -> None:
    model, _, raw = saved(kind, tmp_path)
    with pytest.raises(Exception, match="(?i)string|cast|convert|dtype"):
        model({"x": np.array(raw)})


def test_scale_none_accepts_raw_numbers_and_log_their_logarithms(tmp_path: Path) -> None:
    model, _, raw = saved("number", tmp_path, scale="none")
    values = np.array(raw, np.float32)
    np.testing.assert_allclose(model({"x": values}), by_numpy(model, values[:, None]), rtol=1e-5)
    model, features, _ = saved("vector", tmp_path, scale="log")
    sizes = np.sign(VECTORS) * np.log1p(np.abs(VECTORS))
    np.testing.assert_allclose(model(prepared(features, VECTORS)), by_numpy(model, sizes), rtol=1e-4)


def test_a_text_is_a_sequence_of_token_numbers() -> None:
    features = FeatureSet.model_validate({
        "title": {"kind": "text", "column": "title", "length": 4, "learnt_vocabulary": ["cat", "dog"]}})
    tokens = prepared(features, ["the dog", "CAT cat dog"], "title")["title"]
    np.testing.assert_array_equal(tokens, [[1, 3, 0, 0], [2, 2, 3, 0]])
