"""Features of every kind with statistics, and rows of them, for the tests of the models.

    features = mixed("image", "age", targets=["label"])
    model(rows_of(features, 5))
"""

from __future__ import annotations

from typing import Any

import numpy as np

from laketrain.features import FeatureSet

INPUTS: dict[str, dict[str, Any]] = {
    "image": {"kind": "image", "shape": [8, 8, 3], "statistics": {"mean": 0.4, "std": 0.2}},
    "age": {"kind": "number"},
    "income": {"kind": "number", "missing": "mean", "flag": True},
    "loads": {"kind": "vector", "columns": ["a", "b", "c"]},
    "shop": {"kind": "category", "learnt_values": ["x", "y"]},
    "user": {"kind": "category", "hashed": 100},
    "decade": {"kind": "bucket", "edges": [1.0, 2.0]},
    "breed": {"kind": "label", "classes": 4, "role": "input"},
    "tags": {"kind": "multilabel", "role": "input", "names": ["p", "q", "r"]},
    "title": {"kind": "text", "length": 6, "learnt_vocabulary": ["u", "v", "w"]},
    "body": {"kind": "text", "buckets": [4, 8], "learnt_vocabulary": ["u", "v", "w"]},
    "visits": {"kind": "sequence", "shape": [5, 2], "pad": "after", "mask": True},
    "history": {"kind": "sequence", "shape": [6, 2]},
    "speech": {"kind": "audio", "seconds": 0.1, "bands": 8},
    "song": {"kind": "audio", "bucket_seconds": [0.1, 0.2], "bands": 8},
}
TARGETS: dict[str, dict[str, Any]] = {
    "label": {"kind": "label", "classes": 3},
    "topics": {"kind": "multilabel", "names": ["sport", "art"]},
    "price": {"kind": "value", "size": 4},
    "ahead": {"kind": "sequence", "role": "target", "shape": [3, 2]},
}
SHAPES = {"label": (3,), "topics": (2,), "price": (4,), "ahead": (3, 2)}


def mixed(*inputs: str, targets: list[str] | None = None) -> FeatureSet:
    """These inputs, and all targets unless some are named."""
    return FeatureSet.model_validate({**{name: INPUTS[name] for name in inputs},
                                      **{name: TARGETS[name] for name in (targets or TARGETS)}})


def rows_of(features: FeatureSet, rows: int, length: int | None = None) -> dict[str, np.ndarray]:
    """Inputs by name; features with buckets have `length` steps, by default those of the largest bucket."""
    random = np.random.default_rng(0)
    columns = {}
    for name, feature in features.inputs.items():
        shape = (rows, *feature.shape)
        if feature.buckets and length:
            shape = (rows, length, *feature.shape[1:])
        drawn = random.integers(0, 3, shape) if feature.dtype.kind in "iu" else random.normal(size=shape)
        columns[name] = drawn.astype(feature.dtype)
    return columns
