"""Outputs of a model become columns: classes, lists of classes, numbers in their own units."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from laketrain.errors import DataError
from laketrain.features import FeatureSet
from laketrain.tasks import default_outputs
from laketrain.tasks.columns import column_values, columns_of

BAD = np.array([False, True, False])
SCALE = {"kind": "standard", "offset": [10.0, -1.0], "divisor": [2.0, 1.0], "mean": [0.0, 0.0], "middle": [0.0, 0.0]}
TARGETS: dict[str, dict[str, Any]] = {
    "digit": {"kind": "label", "classes": 3},
    "pet": {"kind": "label", "names": ["cat", "dog"]},
    "tags": {"kind": "multilabel", "names": ["new", "sale"]},
    "price": {"kind": "value", "column": "cost", "size": 1},
    "sizes": {"kind": "value", "columns": ["a", "b"], "scale": "standard", "learnt_scale": SCALE},
    "ahead": {"kind": "sequence", "columns": ["x", "y"], "shape": [2, 2], "role": "target", "learnt_scale": SCALE},
}
SAID = {
    "digit": [[0.25, 0.5, 0.25], [1, 0, 0], [0.125, 0.125, 0.75]], "pet": [[0.75, 0.25], [1, 0], [0.25, 0.75]],
    "tags": [[0.5, 0.75], [1, 1], [0.25, 0.125]], "price": [[2.5], [0], [-1]],
    "sizes": [[1, 1], [0, 0], [0.5, 0]], "ahead": [[[0, 0], [1, 1]], [[0, 0], [0, 0]], [[2, 2], [3, 3]]],
}
WANTED: dict[str, dict[str, list[Any]]] = {
    "digit": {"class": [1, None, 2], "probability": [0.5, None, 0.75]},
    "pet": {"class": ["cat", None, "dog"], "probability": [0.75, None, 0.75]},
    "tags": {"classes": [["new", "sale"], None, []], "probability": [[0.5, 0.75], None, []]},
    "price": {"prediction": [2.5, None, -1.0]},
    "sizes": {"prediction": [[12.0, 0.0], None, [11.0, -1.0]]},
    "ahead": {"prediction": [[[10.0, -1.0], [12.0, 0.0]], None, [[14.0, 1.0], [16.0, 2.0]]]},
}
TYPES = {"bigint": pa.int64(), "string": pa.string(), "double": pa.float64(), "array<string>": pa.list_(pa.string()),
         "array<double>": pa.list_(pa.float64()), "array<array<double>>": pa.list_(pa.list_(pa.float64()))}


def output_columns(*names: str, probabilities: bool = False) -> tuple[dict[str, str], dict[str, pa.Array]]:
    outputs = default_outputs(FeatureSet.model_validate({name: TARGETS[name] for name in names}))
    arrays = {name: np.array(SAID[name], np.float32) for name in names}
    return columns_of(outputs, probabilities), column_values(outputs, arrays, BAD, probabilities)


@pytest.mark.parametrize("name", list(TARGETS))
def test_a_prediction_has_the_type_of_its_column_and_is_null_for_rows_without_a_score(name: str) -> None:
    kinds, result = output_columns(name)
    assert {column: values.to_pylist() for column, values in result.items()} == WANTED[name]
    assert {column: values.type for column, values in result.items()} == {c: TYPES[kind] for c, kind in kinds.items()}


def test_with_several_targets_the_name_of_a_column_starts_with_its_target() -> None:
    kinds, result = output_columns("digit", "tags", "price")
    assert list(kinds) == list(result) == ["digit_class", "digit_probability", "tags_classes", "tags_probability",
                                           "price_prediction"]


@pytest.mark.parametrize(("name", "whole"), [
    ("digit", [[0.25, 0.5, 0.25], None, [0.125, 0.125, 0.75]]), ("tags", [[0.5, 0.75], None, [0.25, 0.125]])])
def test_all_probabilities_are_a_column_if_requested(name: str, whole: list[Any]) -> None:
    kinds, result = output_columns(name, probabilities=True)
    assert kinds["probabilities"] == "array<double>"
    assert result["probabilities"].to_pylist() == whole


def test_a_target_that_no_column_can_contain_is_refused() -> None:
    targets = FeatureSet.model_validate({"picture": {"kind": "image", "shape": [2, 2, 1], "role": "target"}})
    with pytest.raises(DataError, match="target 'picture': is of kind image"):
        columns_of(default_outputs(targets), False)
