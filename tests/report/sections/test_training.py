"""The time of the ranks, the advice that follows from it, and the settings."""

from __future__ import annotations

from typing import Any

import pytest

from laketrain.lake.manifests import ModelManifest
from laketrain.report.sections.training import _settings, advice
from laketrain.workload import Train


def rank(computing: float, averaging: float, waiting: float) -> dict[str, Any]:
    return {"rank": 0, "computing_s": computing, "averaging_s": averaging, "waiting_s": waiting}


@pytest.mark.parametrize(("ranks", "slow", "sentence"), [
    ([rank(90, 5, 5)], None, "Nearly all of the time is spent computing"),
    ([rank(60, 5, 35)], None, "35.0 % of the time is spent waiting for data"),
    ([rank(60, 38, 2), rank(60, 38, 2)], None, "38.0 % of the time goes into averaging gradients"),
    ([rank(60, 38, 2), rank(98, 0, 2)], 1, "Rank 1 computes much longer than the others"),
    ([rank(0, 0, 0)], None, "Nearly all"),
])
def test_one_sentence_of_advice_follows_from_the_times(ranks: list[dict[str, Any]], slow: int | None,
                                                       sentence: str) -> None:
    assert advice(ranks, slow).startswith(sentence)


def test_settings_are_shown_as_text() -> None:
    config = Train.model_validate({"model": {"name": "mlp", "hidden": [8]}, "ranks": {"min": 2, "max": 8}, "loss": {
        "kind": {"name": "focal", "gamma": 1.0}, "*": "mse"}, "optimizer": {"name": "sgd", "schedule": "cosine"}})
    settings = dict(_settings(ModelManifest(config=config.model_dump(mode="json"))))
    assert settings["ranks"] == "2 to 8"
    assert settings["losses"] == "kind focal, all mse"
    assert settings["optimizer"].startswith("sgd (learning rate 0.001, schedule cosine")
    assert "{" not in "".join(settings.values())


def test_only_settings_with_an_effect_are_shown() -> None:
    """Also for a model of a release that accepted the others."""
    sound = {"given": {"kind": "audio", "column": "given", "seconds": 1.0},
             "label": {"kind": "label", "column": "label", "classes": 3}}
    config = Train.model_validate({"model": {"name": "rnn", "units": 8, "embedding": 16}, "augment": {"shift": 2.0},
                                   "optimizer": {"name": "sgd", "momentum": 0.9, "gradient_dtype": "float16"}})
    model = ModelManifest(config=config.model_dump(mode="json"), features=sound)
    settings = dict(_settings(model))
    assert "augmentation" not in settings
    assert settings["model"] == "rnn (units 8)"
    assert settings["optimizer"] == "sgd (learning rate 0.001, momentum 0.9)"
    image = {"kind": "image", "column": "given", "shape": [8, 8, 3]}
    settings = dict(_settings(model.model_copy(update={"features": {**sound, "given": image}})))
    assert settings["augmentation"] == "shift 2.0"
