"""Settings of experiment trackers."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from laketrain.config.track import Track


def test_a_tracker_is_on_with_default_settings() -> None:
    track = Track.model_validate({"mlflow": {}})
    assert track.mlflow is not None and track.mlflow.model
    assert track.tensorboard is None


@pytest.mark.parametrize(("uri", "accepted"), [
    ("https://mlflow.example.org", True), ("sqlite:////data/mlflow.db", True), ("databricks", True), ("mlruns", False)])
def test_the_server_of_mlflow_is_a_url(uri: str, accepted: bool) -> None:
    settings: dict[str, Any] = {"mlflow": {"uri": uri}}
    if accepted:
        assert Track.model_validate(settings).mlflow.uri == uri  # type: ignore[union-attr]
    else:
        with pytest.raises(ValidationError):
            Track.model_validate(settings)


@pytest.mark.parametrize("settings", [{"mlflow": {"experiment": ""}}, {"tensorboard": {"folder": ""}}, {"wandb": {}}])
def test_empty_names_and_unknown_trackers_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Track.model_validate(settings)
