"""Who else is told of a training: MLflow and TensorBoard.

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
    """What the runs are gathered under; by default the workload's name."""
    model: bool = True
    """Whether the committed `model.keras` is copied to MLflow as an artifact."""


class TensorBoard(Section):
    """Event files that TensorBoard shows, one training a folder."""

    folder: str | None = Field(default=None, min_length=1)
    """Where they lie: a directory, seen from the config's own one, or a URL such as `s3://…`; by default
    `runs/<name>-tensorboard/` of the lake."""


class Track(Section):
    """What is told of each training, elsewhere than in the lake. A tracker that fails is noted, and stops nothing."""

    mlflow: MLflow | None = None
    """MLflow; by default it is told nothing. `{}` takes the defaults."""
    tensorboard: TensorBoard | None = None
    """TensorBoard; by default it gets nothing. `{}` takes the defaults."""
