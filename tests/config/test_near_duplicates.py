"""When two texts or images are near-duplicates."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from laketrain.config.near_duplicates import NearDuplicateSettings


def settings(**values: Any) -> NearDuplicateSettings:
    return NearDuplicateSettings.model_validate({"column": "x", **values})


def test_texts_and_images_have_defaults() -> None:
    assert (settings().min_similarity, settings().shingle_length) == (0.8, 5)
    assert settings(kind="image").max_distance == 4
    assert settings(kind="image", distance=0).max_distance == 0


@pytest.mark.parametrize("values", [
    {"distance": 4}, {"kind": "image", "similarity": 0.9}, {"kind": "image", "shingle": 3}, {"similarity": 0.1},
    {"shingle": 1}, {"kind": "image", "distance": 17}])
def test_settings_of_the_other_kind_are_refused(values: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        settings(**values)


@pytest.mark.parametrize(("kind", "column", "fits"), [
    ("text", "string", True), ("text", "STRING ", True), ("text", "binary", False), ("image", "binary", True),
    ("image", "string", False)])
def test_the_column_has_a_type_that_can_be_compared(kind: str, column: str, fits: bool) -> None:
    assert (settings(kind=kind).column_problem({"x": column}) is None) is fits
    assert settings(kind=kind).column_problem({}) is None, "an unknown type is checked when the data are read"
