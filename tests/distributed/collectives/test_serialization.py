"""Values of NumPy, Keras and TensorFlow become JSON; anything else is refused."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from laketrain.distributed.collectives.serialization import to_json


@pytest.mark.parametrize(("value", "expected"), [
    ({"loss": np.float32(0.5), "shape": (2, 3)}, {"loss": 0.5, "shape": [2, 3]}),
    (np.arange(4).reshape(2, 2), [[0, 1], [2, 3]]),
    ([True, None, "é"], [True, None, "é"]),
])
def test_numpy_values_become_numbers_and_lists(value: Any, expected: Any) -> None:
    assert json.loads(to_json(value)) == expected


def test_tensors_become_lists() -> None:
    import tensorflow as tf

    assert json.loads(to_json({"weights": tf.Variable([1.0, 2.0])})) == {"weights": [1.0, 2.0]}


def test_nan_and_infinity_are_kept() -> None:
    nan, infinity = json.loads(to_json([float("nan"), float("inf")]))
    assert np.isnan(nan) and infinity == float("inf")


@pytest.mark.parametrize("value", [object(), {1, 2}, {(1, 2): 3}])
def test_other_values_are_refused(value: Any) -> None:
    with pytest.raises(TypeError):
        to_json(value)
