"""Settings of augmentation."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from laketrain.config.augment import Augment


def test_by_default_nothing_is_augmented() -> None:
    settings = Augment()
    assert not settings.mixes
    assert Augment.model_validate({}) == settings


@pytest.mark.parametrize(("settings", "mixes"), [
    ({"rotate": 10.0}, False), ({"mixup": 0.2}, True), ({"cutmix": 1.0}, True), ({"mixup": 0.2, "cutmix": 1.0}, True),
])
def test_mixup_and_cutmix_mix_rows(settings: dict[str, Any], mixes: bool) -> None:
    assert Augment.model_validate(settings).mixes is mixes


@pytest.mark.parametrize(("key", "value"), [
    ("rotate", 181.0), ("zoom", 1.0), ("shear", 1.5), ("crop", -1), ("flip", {"horizontal": 1.5}), ("mixup", -0.1)])
def test_values_out_of_range_are_refused(key: str, value: Any) -> None:
    with pytest.raises(ValidationError) as caught:
        Augment.model_validate({key: value})
    assert caught.value.errors()[0]["loc"][0] == key
