"""A training as a run of MLflow: parameters, metrics by epoch, lineage as tags, the config and the model as artifacts.

    tracker = MLflowTracker(MLflow(experiment="digits"), lake)
    tracker.start(run); tracker.epoch(1, {"loss": 0.3}); tracker.finish(ending)

The client alone is used, so nothing of MLflow's global state (an active run, a tracking URI) is changed.
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
# What MLflow takes at once, and how long a parameter may be.
_AT_ONCE, _LONGEST_KEY, _LONGEST = 100, 250, 500
_UNKNOWN = re.compile(r"[^\w\-. /:]", re.ASCII)


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
        made = self._client.create_run(experiment, tags=dict(run.tags), run_name=f"{run.name} {run.started:%F %T}")
        self._run = made.info.run_id
        parameters = [Param(_key(name), value[:_LONGEST]) for name, value in run.parameters.items()]
        for first in range(0, len(parameters), _AT_ONCE):
            self._client.log_batch(self._run, params=parameters[first : first + _AT_ONCE])
        self._client.log_text(self._run, run.config, "workload.yaml")

    def epoch(self, number: int, metrics: Mapping[str, float]) -> None:
        from mlflow.entities import Metric
        from mlflow.utils.time import get_current_time_millis

        now = get_current_time_millis()
        self._client.log_batch(self._run, metrics=[Metric(_key(name), value, now, number)
                                                   for name, value in metrics.items()])

    def finish(self, ending: Ending) -> None:
        if not self._run:
            return  # it never began
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
        """The id of the experiment of that name, made where there is none."""
        from mlflow.exceptions import MlflowException

        found = self._client.get_experiment_by_name(name)
        if found is None:
            # Without one, a store in a database puts artifacts where the command happens to run.
            place = str(Path(uri.removeprefix("sqlite:///")).parent / "artifacts") if _is_file(uri) else None
            try:
                return str(self._client.create_experiment(name, artifact_location=place))
            except MlflowException:
                found = self._client.get_experiment_by_name(name)  # another run was quicker
                if found is None:
                    raise
        return str(found.experiment_id)


def _key(name: str) -> str:
    """As MLflow takes it: `train.loss.*.name` has a character too many."""
    return _UNKNOWN.sub("_", name)[:_LONGEST_KEY]


def _local_store(lake: Lake) -> str:
    """A SQLite file in the lake or, where that is remote, in `mlruns/` where the command runs."""
    inside = lake.store.local(LOCAL)
    folder = Path(inside) if inside is not None else Path("mlruns").absolute()
    folder.mkdir(parents=True, exist_ok=True)
    return f"sqlite:///{folder / 'mlflow.db'}"


def _is_file(uri: str) -> bool:
    return uri.startswith("sqlite:///")
