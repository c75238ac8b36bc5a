"""A pipeline logs a training to MLflow and TensorBoard, and doesn't log one that the lake has already."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.road import Quiet

from laketrain.errors import ConfigError
from laketrain.events import Hint
from laketrain.pipeline import Pipeline
from laketrain.stages import Event, RankEvent

if TYPE_CHECKING:
    from pyspark.sql import SparkSession
    from tests.small import Small

TRAIN = "train={model: {name: linear}, epochs: 2, batch: 16}"


class HintListener(Quiet):
    """Collects the hints."""

    def __init__(self) -> None:
        super().__init__()
        self.hints: list[str] = []

    def __call__(self, event: Event) -> None:
        super().__call__(event)
        if isinstance(event, RankEvent) and isinstance(event.event, Hint):
            self.hints.append(event.event.text)


@pytest.mark.slow
def test_a_training_is_tracked_and_an_unchanged_one_is_not(spark: SparkSession, finished: Small, tmp_path: Path,
                                                          monkeypatch) -> None:
    from mlflow.tracking import MlflowClient
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    home = finished.at(tmp_path / "lake")
    listener, sets = HintListener(), (TRAIN, "track={mlflow: {}, tensorboard: {}}")
    for _ in range(2):
        Pipeline(home.config, sets, lake=home.lake.url, listener=listener, spark=spark).run("train", "train")
    assert listener.hints == []
    version = home.lake.version("models/small")
    history = version.entry.meta["history"]
    client = MlflowClient(f"sqlite:///{home.lake.url}/runs/_mlflow/mlflow.db")
    [run] = client.search_runs([client.get_experiment_by_name("small").experiment_id])
    assert run.info.status == "FINISHED"
    assert run.data.tags["laketrain.model"] == version.ref == "models/small@1"
    assert run.data.tags["laketrain.fingerprint"] == version.entry.fingerprint
    assert run.data.params["train.model.name"] == "linear"
    assert [point.value for point in client.get_metric_history(run.info.run_id, "val_loss")] == [
        row["val_loss"] for row in history]
    assert [file.path for file in client.list_artifacts(run.info.run_id, "model")] == ["model/model.keras"]
    [folder] = Path(home.lake.url, "runs", "small-tensorboard").iterdir()
    assert [point.value for point in EventAccumulator(str(folder)).Reload().Scalars("loss/train")] == pytest.approx(
        [row["loss"] for row in history])


@pytest.mark.slow
def test_a_tracker_that_can_not_write_is_a_hint_and_the_model_is_committed(spark: SparkSession, finished: Small,
                                                                       tmp_path: Path) -> None:
    home = finished.at(tmp_path / "lake")
    (tmp_path / "a file").write_text("not a folder")
    listener, sets = HintListener(), (TRAIN, f"track={{tensorboard: {{folder: '{tmp_path}/a file'}}}}")
    Pipeline(home.config, sets, lake=home.lake.url, listener=listener, spark=spark).run("train", "train")
    assert home.lake.version("models/small").number == 1
    [hint] = listener.hints
    assert hint.startswith("TensorBoard receives no more of this training: ")


def test_a_tracker_that_is_not_installed_is_refused_before_anything_runs(finished: Small, monkeypatch) -> None:
    monkeypatch.setattr("laketrain.track.tracking.find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"track\.mlflow: needs mlflow and sqlalchemy and alembic"):
        finished.pipeline(None, "track={mlflow: {}}")
