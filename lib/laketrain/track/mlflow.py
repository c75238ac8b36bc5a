"""Logs a training as an MLflow run: parameters, metrics by epoch, lineage as tags, config and model as artifacts.

    tracker = MLflowTracker(MLflow(experiment="digits"), lake)
    tracker.start(run); tracker.epoch(1, {"loss": 0.3}); tracker.finish(ending)

It uses only MLflow's client, so MLflow's global state (an active run, a tracking URI) doesn't change.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from laketrain.config.track import MLflow
from laketrain.lake import Lake
from laketrain.track.run import Ending, RunFacts

LOCAL = "runs/_mlflow"
"""The folder of a local lake's store; no table can have that name."""

_STATUS = {"finished": "FINISHED", "failed": "FAILED", "stopped": "KILLED"}
# MLflow's limits: entries of a request, characters of a key and of a parameter.
_MAX_BATCH, _MAX_KEY, _MAX_VALUE = 100, 250, 500
_INVALID = re.compile(r"[^\w\-. /:]", re.ASCII)


class MLflowTracker:
    """One run. Raises what MLflow raises."""

    def __init__(self, config: MLflow, lake: Lake) -> None:
        self._config, self._lake = config, lake
        self._client: Any = None
        self._run = ""

    def start(self, run: RunFacts) -> None:
        from mlflow.entities import Param
        from mlflow.tracking import MlflowClient

        uri = self._config.uri or os.environ.get("MLFLOW_TRACKING_URI") or _local_store(self._lake)
        self._client = MlflowClient(uri)
        experiment = self._experiment(self._config.experiment or run.name, uri)
        created = self._client.create_run(experiment, tags=dict(run.tags), run_name=f"{run.name} {run.started:%F %T}")
        self._run = created.info.run_id
        parameters = [Param(_key(name), value[:_MAX_VALUE]) for name, value in run.parameters.items()]
        for first in range(0, len(parameters), _MAX_BATCH):
            self._client.log_batch(self._run, params=parameters[first : first + _MAX_BATCH])
        self._client.log_text(self._run, run.config, "workload.yaml")

    def epoch(self, number: int, metrics: Mapping[str, float]) -> None:
        from mlflow.entities import Metric
        from mlflow.utils.time import get_current_time_millis

        now = get_current_time_millis()
        self._client.log_batch(self._run, metrics=[Metric(_key(name), value, now, number)
                                                   for name, value in metrics.items()])

    def finish(self, ending: Ending) -> None:
        if not self._run:
            return  # it never started
        try:
            for name, value in ending.tags.items():
                self._client.set_tag(self._run, name, value)
            if ending.model is not None and self._config.model:
                with tempfile.TemporaryDirectory(prefix="laketrain-") as folder:
                    file = self._lake.store.get(ending.model.path("model.keras"), folder)
                    self._client.log_artifact(self._run, file, "model")
        finally:
            self._client.set_terminated(self._run, _STATUS[ending.status])

    def _experiment(self, name: str, uri: str) -> str:
        """The id of the experiment of that name, created if there is none."""
        from mlflow.exceptions import MlflowException

        experiment = self._client.get_experiment_by_name(name)
        if experiment is None:
            # Without a location, a database store puts artifacts into the working directory.
            location = str(Path(uri.removeprefix("sqlite:///")).parent / "artifacts") if _is_file(uri) else None
            try:
                return str(self._client.create_experiment(name, artifact_location=location))
            except MlflowException:
                experiment = self._client.get_experiment_by_name(name)  # another run was faster
                if experiment is None:
                    raise
        return str(experiment.experiment_id)


def _key(name: str) -> str:
    """The name with only characters that MLflow accepts: `train.loss.*.name` has one that it doesn't."""
    return _INVALID.sub("_", name)[:_MAX_KEY]


def _local_store(lake: Lake) -> str:
    """A SQLite file in the lake or, if the lake is remote, in `mlruns/` of the working directory."""
    inside = lake.store.local(LOCAL)
    folder = Path(inside) if inside is not None else Path("mlruns").absolute()
    folder.mkdir(parents=True, exist_ok=True)
    return f"sqlite:///{folder / 'mlflow.db'}"


def _is_file(uri: str) -> bool:
    return uri.startswith("sqlite:///")
