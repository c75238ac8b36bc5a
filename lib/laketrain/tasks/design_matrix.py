"""The inputs as a matrix for scikit-learn, for the linear baseline.

    design_matrix(dataset.features, arrays)       # (n, columns) float32

Categories become zeros and ones, texts counts of their tokens. Categories above HOT and tokens above TOKENS share
columns by their remainder, which is good enough for a baseline.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from laketrain.features import Feature, FeatureSet, Text

Floats = npt.NDArray[np.float32]
HOT, TOKENS = 64, 512


def design_matrix(features: FeatureSet, arrays: Mapping[str, npt.NDArray[Any]]) -> Floats:
    """(n, columns) of all inputs, concatenated."""
    return np.concatenate([_columns(feature, arrays[name]) for name, feature in features.inputs.items()], axis=1)


def width_of(features: FeatureSet) -> int:
    """The number of columns of that matrix."""
    return sum(_width(feature) for feature in features.inputs.values())


def _width(feature: Feature) -> int:
    if feature.cardinality is not None:
        return min(HOT, feature.cardinality)
    if isinstance(feature, Text):
        return TOKENS
    return int(feature.shape[-1] if feature.buckets else np.prod(feature.shape))


def _columns(feature: Feature, values: npt.NDArray[Any]) -> Floats:
    if feature.cardinality is not None:
        return np.eye(_width(feature), dtype=np.float32)[values % _width(feature)]
    if isinstance(feature, Text):
        counts = np.zeros((len(values), TOKENS), np.float32)
        row, step = np.nonzero(values)
        np.add.at(counts, (row, values[row, step] % TOKENS), 1)
        return counts
    if feature.buckets:  # frames of a sound: the mean of each band has one shape, whatever the length
        return values.mean(axis=1).astype(np.float32)
    return values.reshape(len(values), -1).astype(np.float32)
