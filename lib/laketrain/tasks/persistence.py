"""The naive forecast, persistence: the next values are the last known one.

    last_values(features, arrays)        # {"load_ahead": (n, 24)}, each the last value that the row's inputs hold

A target of the windows' `next.x` is forecast by the last step of an input's `past.x`, or by the plain column `x`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from laketrain.config.windows import NEXT, PAST, plain
from laketrain.features import Feature, FeatureSet, Number, TimeSeries, Value

Floats = npt.NDArray[np.float64]


def last_values(features: FeatureSet, arrays: Mapping[str, npt.NDArray[Any]]) -> dict[str, Floats]:
    """By target, (n, components) in the columns' own units; without targets whose last value no input holds."""
    forecasts = {}
    for name, target in features.targets.items():
        if isinstance(target, Value | TimeSeries) and all(column.startswith(NEXT) for column in target.columns):
            columns = [_last(plain(column), features, arrays) for column in target.columns]
            present = [column for column in columns if column is not None]
            width = int(np.prod(target.shape))
            if len(present) == len(columns) and width % len(present) == 0:
                forecasts[name] = np.tile(np.stack(present, axis=1), width // len(present))
    return forecasts


def _last(column: str, features: FeatureSet, arrays: Mapping[str, npt.NDArray[Any]]) -> Floats | None:
    """(n,) the last value of a plain column that an input holds."""
    for name, feature in features.inputs.items():
        if isinstance(feature, TimeSeries) and PAST + column in feature.columns and len(feature.columns) in (
                1, feature.channels) and (feature.column_names or feature.channels == 1):
            steps = arrays[name][:, -1, : feature.channels]
            return _unscaled(feature, steps)[:, feature.columns.index(PAST + column)]
        if isinstance(feature, Number) and feature.column == column and not feature.flag:
            return _unscaled(feature, arrays[name][:, None])[:, 0]
    return None


def _unscaled(feature: Feature, values: npt.NDArray[Any]) -> Floats:
    scale = feature.learnt_scale  # type: ignore[attr-defined]
    return np.asarray(values, np.float64) if scale is None else scale.undo(values)
