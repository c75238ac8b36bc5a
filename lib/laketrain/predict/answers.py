"""What predictions are in a table: the columns of each target, by their names (`laketrain.features.answers`), from what
the model says.

    answers = answers_of(targets, said, bad, probabilities=False)     # name -> Arrow array
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from laketrain.config.evaluate import THRESHOLD
from laketrain.features import Feature, FeatureSet, Label, Multilabel, TimeSeries, Value
from laketrain.features.answers import prefix

Bools = npt.NDArray[np.bool_]


def answers_of(targets: FeatureSet, said: Mapping[str, npt.NDArray[Any]], bad: Bools,
               probabilities: bool) -> dict[str, pa.Array]:
    """The columns' values of (n, *shape) of what the model says by target; null where `bad` (n,)."""
    return {prefix(targets, name) + column: values for name, feature in targets.items()
            for column, values in _answer(feature, said[name], bad, probabilities).items()}


def _answer(feature: Feature, said: npt.NDArray[Any], bad: Bools, probabilities: bool) -> dict[str, pa.Array]:
    whole = {"probabilities": _lists(said, bad)} if probabilities else {}
    if isinstance(feature, Label):
        classes = said.argmax(axis=1)
        # As the table's own column had them: numbers, or names.
        named = classes if feature.names is None else np.array(feature.labels, dtype=object)[classes]
        return {"class": pa.array(named, mask=bad),
                "probability": pa.array(said.max(axis=1).astype(np.float64), mask=bad), **whole}
    if isinstance(feature, Multilabel):
        has = said >= THRESHOLD
        names = np.array(feature.names, dtype=object)
        return {"classes": _chosen(np.broadcast_to(names, said.shape), has, bad, pa.string()),
                "probability": _chosen(said.astype(np.float64), has, bad, pa.float64()), **whole}
    if isinstance(feature, Value):
        plain = feature.unscale(said)
        if feature.shape == (1,):
            return {"prediction": pa.array(plain[:, 0], mask=bad)}
        return {"prediction": _lists(plain, bad)}
    assert isinstance(feature, TimeSeries)
    steps = (said if feature.learnt_scale is None else feature.learnt_scale.undo(said))[~bad]
    inner = _lists(steps.reshape(-1, feature.width), np.zeros(len(steps) * feature.steps, np.bool_))
    return {"prediction": _of_lists(np.where(bad, 0, feature.steps), inner, bad)}


def _lists(values: npt.NDArray[Any], bad: Bools) -> pa.Array:
    """(n, k) as lists of k doubles."""
    flat = pa.array(np.ascontiguousarray(values[~bad], np.float64).reshape(-1))
    return _of_lists(np.where(bad, 0, values.shape[1]), flat, bad)


def _chosen(values: npt.NDArray[Any], has: Bools, bad: Bools, kind: pa.DataType) -> pa.Array:
    """Of each row of (n, k) those values that it has, as a list."""
    kept = has & ~bad[:, None]
    return _of_lists(kept.sum(axis=1), pa.array(values[kept], kind), bad)


def _of_lists(lengths: npt.NDArray[np.int64], flat: pa.Array, bad: Bools) -> pa.Array:
    """Lists of these lengths that lie one behind the other in `flat`; null, and of length 0, where `bad`."""
    ends = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
    # Arrow takes a null at a list's beginning for a null list.
    return pa.ListArray.from_arrays(pa.array(ends, mask=np.append(bad, False)), flat)
