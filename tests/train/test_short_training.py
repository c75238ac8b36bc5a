"""Settings for which a training is too short are reported, and no others."""

from __future__ import annotations

from typing import Any

import pytest

from laketrain.train.short_training import short_training_warnings
from laketrain.workload import Train


def warnings(rows: int = 100, **settings: Any) -> list[str]:
    """Of five epochs of ten batches."""
    config = Train.model_validate({"model": {"name": "linear"}, "epochs": 5, "batch": 10, "ranks": 1, **settings})
    return list(short_training_warnings(config, rows))


@pytest.mark.parametrize(("settings", "message"), [
    ({"optimizer": {"schedule": {"warmup": 6}}}, "a warmup of 6 epochs never reaches the learning rate in 5"),
    ({"optimizer": {"schedule": {"name": "cosine", "warmup": 5}}}, "leaves no time in 5 for the cosine schedule"),
    ({"optimizer": {"schedule": {"name": "steps", "at": [5.0, 8.0]}}}, "would fall after epoch 5, and there are 5"),
    ({"optimizer": {"accumulate": 11}}, "has 10 batches, fewer than the 11 of a step: the weights take one step an"),
    ({"optimizer": {"ema": 0.99}}, "a mean over about 100 steps stays near the first weights in a training of 50"),
    ({"optimizer": {"ema": 0.9, "accumulate": 10}}, "about 10 steps stays near the first weights in a training of 5"),
    ({"early_stopping": {"patience": 4}}, "early_stopping: 4 epochs of patience have no effect in a training of 5"),
    ({"reduce_lr_on_plateau": {"patience": 9}},
     "reduce_lr_on_plateau: 9 epochs of patience have no effect in a training of 5"),
], ids=lambda value: "")
def test_settings_that_have_no_effect_are_reported(settings: dict[str, Any], message: str) -> None:
    [text] = warnings(**settings)
    assert message in text


@pytest.mark.parametrize("optimizer", [
    {}, {"schedule": {"warmup": 5}}, {"schedule": {"name": "cosine", "warmup": 4.5}}, {"accumulate": 10},
    {"schedule": {"name": "steps", "at": [4.0, 8.0]}}, {"ema": 0.98}], ids=str)
def test_settings_that_take_effect_are_not_reported(optimizer: dict[str, Any]) -> None:
    assert warnings(optimizer=optimizer, early_stopping={"patience": 3}, reduce_lr_on_plateau={"patience": 3}) == []
