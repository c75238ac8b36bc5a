"""The section `convert`."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from laketrain.workload.convert import Convert

SECTION: dict[str, Any] = {
    "table": "visits", "features": {"age": {"kind": "number"}, "sick": {"kind": "label", "classes": 2}},
    "split": {"by": "patient", "fractions": {"train": 0.8, "test": 0.2}}}


def test_columns_besides_those_of_features_have_their_paths() -> None:
    convert = Convert.model_validate({**SECTION, "leakage": {"keys": ["ward"]}})
    assert convert.columns == {("split", "by"): "patient", ("leakage", "keys", 0): "ward"}


def test_features_are_saved_as_declared() -> None:
    convert = Convert.model_validate(SECTION)
    assert Convert.model_validate(convert.model_dump(mode="json", by_alias=True, exclude_unset=True)) == convert


@pytest.mark.parametrize("key", ["row_group_mb", "file_mb"])
def test_sizes_are_positive(key: str) -> None:
    with pytest.raises(ValidationError) as caught:
        Convert.model_validate({**SECTION, key: 0.0})
    assert [error["loc"] for error in caught.value.errors()] == [(key,)]
