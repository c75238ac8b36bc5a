"""Methods that all kinds of features share."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from laketrain.features import FeatureSet
from laketrain.features.base import reasons

from .fitting import fitted, parse


def test_a_marked_row_is_refused_even_if_its_text_is_null() -> None:
    marked = np.array([True, True, False])
    assert reasons(3, (marked, pa.array(["is odd", None, "is even"]))).to_pylist() == ["is odd", "holds a null", None]


ALL: dict[str, tuple[dict[str, Any], pa.Array]] = {
    "bucket": ({"kind": "bucket", "buckets": 3}, pa.array([1.0, 4.0, 5.5, -3.25])),
    "number": ({"kind": "number", "missing": "median", "flag": True}, pa.array([1.0, None, 5.5, -3.25])),
    "vector": ({"kind": "vector", "size": 2}, pa.array([[1, 2], [3, 4], [5, 6], [7, 9]])),
    "sequence": ({"kind": "sequence", "shape": [2, 1]}, pa.array([[[1.0], [2.5]], [[3.0], [4.0]], [[5.0], [6.0]],
                                                                  [[0.0], [0.125]]])),
    "value": ({"kind": "value", "columns": ["x"], "scale": "standard"}, pa.array([0.1, 0.2, 0.7, 12.0])),
    "weight": ({"kind": "weight"}, pa.array([0.5, 1.0, 2.0, 3.0])),
    "multilabel": ({"kind": "multilabel", "names": ["a", "b"]}, pa.array([["a"], ["b"], [], ["a", "b"]])),
}


@pytest.mark.parametrize("kind", ALL)
@pytest.mark.parametrize("cut", [1, 2, 3])
def test_fitting_and_decoding_do_not_depend_on_the_partitioning(kind: str, cut: int) -> None:
    settings, column = ALL[kind]
    feature = parse(**settings)
    whole, parts = fitted(feature, column), fitted(feature, column.slice(cut), column.slice(0, cut))
    assert whole == parts
    together = whole.tensor(column)
    apart = np.concatenate([whole.tensor(column.slice(0, cut)), whole.tensor(column.slice(cut))])
    assert together.tobytes() == apart.tobytes()
    assert together.shape[1:] == whole.shape
    assert together.dtype == whole.dtype


@pytest.mark.parametrize("kind", ALL)
def test_a_fitted_feature_is_the_same_after_json(kind: str) -> None:
    settings, column = ALL[kind]
    features = FeatureSet.of({"x": fitted(parse(**settings), column)})
    again = FeatureSet.from_json(json.dumps(json.loads(features.to_json())))
    assert again["x"] == features["x"]
    assert again["x"].tensor(column).tobytes() == features["x"].tensor(column).tobytes()
