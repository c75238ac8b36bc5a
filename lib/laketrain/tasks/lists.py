"""Arrow arrays of a model's outputs: lists of numbers, lists of chosen values."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Bools = npt.NDArray[np.bool_]


def number_lists(values: npt.NDArray[Any], bad: Bools) -> pa.Array:
    """(n, k) as lists of k doubles; null where `bad`."""
    flat = pa.array(np.ascontiguousarray(values[~bad], np.float64).reshape(-1))
    return lists_of(np.where(bad, 0, values.shape[1]), flat, bad)


def chosen_lists(values: npt.NDArray[Any], chosen: Bools, bad: Bools, kind: pa.DataType) -> pa.Array:
    """The values of each row of (n, k) where `chosen`, as a list; null where `bad`."""
    chosen = chosen & ~bad[:, None]
    return lists_of(chosen.sum(axis=1), pa.array(values[chosen], kind), bad)


def lists_of(lengths: npt.NDArray[np.int64], flat: pa.Array, bad: Bools) -> pa.Array:
    """Lists of these lengths, one after the other in `flat`; null, and of length 0, where `bad`."""
    ends = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
    # Arrow takes a null at a list's beginning for a null list.
    return pa.ListArray.from_arrays(pa.array(ends, mask=np.append(bad, False)), flat)
