"""Experiment trackers: MLflow and TensorBoard.

    track: {mlflow: {experiment: digits}, tensorboard: {}}
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StringConstraints

from laketrain.config.base import Section


class MLflow(Section):
    """A run of MLflow for each training: parameters, metrics by epoch, lineage and the model."""

    uri: Annotated[str, StringConstraints(pattern=r"^([a-z][a-z0-9+.-]*://.+|databricks)$")] | None = None
    """The tracking server, e.g. `https://mlflow.example.org`, or a store such as `sqlite:////data/mlflow.db`. By
    default the environment's `MLFLOW_TRACKING_URI`, else a SQLite file in a local lake (`runs/_mlflow/`), else in
    `mlruns/` where the command runs."""
    experiment: Annotated[str, StringConstraints(min_length=1)] | None = None
    """The experiment that contains the runs; by default it has the workload's name."""
    model: bool = True
    """Whether the committed `model.keras` is copied to MLflow as an artifact."""


class TensorBoard(Section):
    """Event files for TensorBoard, one folder for each training."""

    folder: str | None = Field(default=None, min_length=1)
    """Their directory, relative to the config's, or a URL such as `s3://…`; by default `runs/<name>-tensorboard/` in
    the lake."""


class Track(Section):
    """Trackers to which each training is reported. A tracker that fails is logged, and doesn't stop the training."""

    mlflow: MLflow | None = None
    """Report to MLflow; not by default. `{}` uses the defaults."""
    tensorboard: TensorBoard | None = None
    """Write for TensorBoard; not by default. `{}` uses the defaults."""
