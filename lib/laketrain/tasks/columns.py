"""The columns of predictions: their names and Spark types, before there is a model, and their values.

    columns_of(outputs, probabilities=False)                       # {"class": "bigint", "probability": "double"}
    column_values(outputs, arrays, bad, probabilities=False)       # name -> Arrow array

With several outputs each column begins with its output's name: `digit_class`, `price_prediction`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy.typing as npt

from laketrain.errors import DataError
from laketrain.tasks.base import Bools
from laketrain.tasks.outputs import Output

if TYPE_CHECKING:
    import pyarrow as pa


def columns_of(outputs: Mapping[str, Output], probabilities: bool) -> dict[str, str]:
    """Spark's types of the columns, by name.

    Raises:
        DataError: there is no output, or one of a task that can't be predicted.
    """
    if not outputs:
        raise DataError("predict", "the model", "has no target, so it predicts nothing",
                        "train it on a dataset with a target")
    return {prefix(outputs, name) + column: kind for name, output in outputs.items()
            for column, kind in output.task.columns(name, output.feature, probabilities).items()}


def column_values(outputs: Mapping[str, Output], arrays: Mapping[str, npt.NDArray[Any]], bad: Bools,
                  probabilities: bool) -> dict[str, pa.Array]:
    """The columns' values, from a model's outputs, (n, *shape) by name; null where `bad`, (n,), is True."""
    return {prefix(outputs, name) + column: values for name, output in outputs.items()
            for column, values in output.task.column_values(output.feature, arrays[name], bad, probabilities).items()}


def prefix(outputs: Mapping[str, Any], name: str) -> str:
    """The start of the names of this output's columns."""
    return f"{name}_" if len(outputs) > 1 else ""
