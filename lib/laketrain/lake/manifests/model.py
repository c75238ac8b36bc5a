"""The manifest of versions in `models/`: train writes it; evaluate, predict and the report read it."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from laketrain.lake.manifests.base import Manifest


class ModelManifest(Manifest):
    """How a model was trained, and what it needs to predict.

    Attributes:
        history: for each epoch its number (`epoch`, from 1), `loss` and metrics, those of the validation split as
            `val_…`, `learning_rate`, `seconds` and `rows_per_s`.
        times: for each epoch and rank, the seconds of its steps: `waiting_s` for data, `computing_s`, `averaging_s`.
        best: the committed epoch (`epoch`), the metric (`monitor`) and its `value`, and `keep`: whether it is the
            `best` epoch or the `last` one. Empty for models of an older laketrain.
        weights: the SHA-256 of all weights, in hexadecimal.
        ranks: for each rank its number (`rank`), host or container (`where`), and seconds, as in `times`, of the whole
            training.
        slow_rank: the rank that computed much longer than the median one; None if there was none.
        restarts: how often ranks were relaunched.
        config: the `train` section, with defaults. Models of an older laketrain have former keys
            (see `workload.former`).
        features: those of the dataset (see `DatasetManifest`).
        outputs: for each output the name of its `task`, and `truth`, the feature that it predicts. None for models of
            an older laketrain, whose outputs are their targets.
        windows: those of the dataset; None if its rows aren't windows.
    """

    history: list[dict[str, Any]] = Field(default_factory=list)
    times: list[list[dict[str, Any]]] = Field(default_factory=list)
    best: dict[str, Any] = Field(default_factory=dict)
    weights: str = ""
    ranks: list[dict[str, Any]] = Field(default_factory=list)
    slow_rank: int | None = None
    restarts: int = 0
    config: dict[str, Any] = Field(default_factory=dict)
    features: dict[str, Any] = Field(default_factory=dict)
    outputs: dict[str, dict[str, str]] | None = None
    windows: dict[str, Any] | None = None
