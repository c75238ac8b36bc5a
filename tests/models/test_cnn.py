"""The convolutional network of the zoo."""

from __future__ import annotations

from typing import Any

import pytest

from laketrain.models import parse_model

from .pixel_features import features


@pytest.mark.parametrize("settings", [{"kernel": 5}, {"convolutions": 2}, {"filters": [4, 4]}])
def test_a_cnn_that_pools_the_image_away_is_refused_before_training(settings: dict[str, Any]) -> None:
    [problem] = parse_model({"name": "cnn", **settings}).problems(features())
    assert problem.problem == "has nothing left of input 'picture' of 6×5 pixels before its last pooling"
    assert "a smaller kernel" in problem.hint
    assert not list(parse_model({"name": "cnn", "kernel": 4}).problems(features()))
