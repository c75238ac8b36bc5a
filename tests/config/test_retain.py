"""How many versions the lake keeps."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from laketrain.config.retain import Retain


def test_at_least_one_version_is_kept() -> None:
    assert Retain(versions=1).days is None
    with pytest.raises(ValidationError):
        Retain(versions=0)


@pytest.mark.parametrize("settings", [
    {}, {"versions": 3, "days": -1.0}, {"versions": 3, "days": 1e6}, {"versions": 1.5}])
def test_other_settings_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Retain.model_validate(settings)
