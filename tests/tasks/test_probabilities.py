"""Outputs that aren't probabilities are detected; NumPy's softmax and sigmoid are accepted."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from laketrain.features import Feature, FeatureSet
from laketrain.tasks import task_of

FEATURES = FeatureSet.model_validate({
    "x": {"kind": "number"}, "label": {"kind": "label", "classes": 3},
    "topics": {"kind": "multilabel", "names": ["sport", "art", "law"]}, "price": {"kind": "value", "size": 3}})
LABEL, TOPICS, PRICE = (FEATURES[name] for name in ("label", "topics", "price"))
LOGITS = arrays(np.float64, (4, 3), elements=st.floats(-300, 300))


def doubt_of(feature: Feature, outputs: npt.NDArray[Any], coarse: bool = False) -> str | None:
    return task_of("y", feature).output_problem(feature, outputs, coarse)


def softmax(logits: npt.NDArray[Any]) -> npt.NDArray[Any]:
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


@given(logits=LOGITS)
def test_a_softmax_and_a_sigmoid_are_accepted(logits: npt.NDArray[Any]) -> None:
    assert doubt_of(LABEL, softmax(logits).astype(np.float32)) is None
    assert doubt_of(TOPICS, (1 / (1 + np.exp(-np.clip(logits, -300, 300)))).astype(np.float32)) is None


@given(logits=LOGITS)
def test_a_softmax_of_16_bits_is_accepted(logits: npt.NDArray[Any]) -> None:
    import ml_dtypes

    output = softmax(logits).astype(ml_dtypes.bfloat16)
    assert doubt_of(LABEL, output.astype(np.float32), coarse=True) is None


@pytest.mark.parametrize(("feature", "rows", "message"), [
    (LABEL, [[0.2, 0.3, 0.5], [3.78, -0.22, 0.1]], "numbers from -0.22 to 3.78"),
    (LABEL, [[0.0, 0.0, 0.0]], "numbers from 0 to 0 that sum to 0"),
    (LABEL, [[0.9, 0.8, 0.1]], "numbers from 0.1 to 0.9 that sum to 1.8"),
    (LABEL, [[-0.7, -1.2, -1.6]], "numbers from -1.6 to -0.7"),
    (LABEL, [[float("nan")] * 3, [0.9, 0.8, 0.1]], "that sum to 1.8"),
    (TOPICS, [[0.0, 0.5, 1.01]], "numbers from 0 to 1.01"), (TOPICS, [[-0.2, 0.5, 1.0]], "numbers from -0.2 to 1"),
])
def test_other_outputs_are_refused_with_their_numbers(feature: Feature, rows: list[list[float]], message: str) -> None:
    assert message in (doubt_of(feature, np.array(rows)) or "")


def test_any_values_are_accepted_and_non_finite_rows_are_ignored() -> None:
    assert doubt_of(PRICE, np.array([[-3.0, 7.0, 900.0]])) is None
    assert doubt_of(LABEL, np.full((2, 3), np.inf)) is None
    assert doubt_of(TOPICS, np.zeros((2, 3))) is None  # may be initial logits: trained ones will show it
