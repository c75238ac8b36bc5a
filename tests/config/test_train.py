"""Settings of a training: ranks, stopping, retraining, the cache."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from laketrain.config.train import Cache, EarlyStopping, Ranks, ReduceLrOnPlateau, RetrainWhen, ranks_of


def test_the_ranks_divide_the_lanes() -> None:
    assert ranks_of(16, Ranks(min=2, max=10)) == [2, 4, 8]
    assert ranks_of(7, Ranks(min=2, max=6)) == []
    with pytest.raises(ValidationError):
        Ranks(min=3, max=2)


def test_retraining_needs_a_condition() -> None:
    assert RetrainWhen(days=7.0).rows is None
    with pytest.raises(ValidationError):
        RetrainWhen()


@pytest.mark.parametrize(("section", "settings"), [
    (Cache, {"folder": "relative"}), (Cache, {"folder": "/cache", "gb": 0.0}), (EarlyStopping, {"patience": 0}),
    (ReduceLrOnPlateau, {"factor": 1.0}), (ReduceLrOnPlateau, {"min_lr_ratio": -0.1}),
    (RetrainWhen, {"drift": "weak"})])
def test_values_out_of_range_are_refused(section: Any, settings: dict[str, Any]) -> None:
    with pytest.raises(ValidationError) as caught:
        section.model_validate(settings)
    assert caught.value.errors()[0]["loc"][0] in settings
