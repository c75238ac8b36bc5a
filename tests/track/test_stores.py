"""A real MLflow store and real event files hold what a training said, read back by MLflow's and TensorBoard's code."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path

import fsspec
import pytest

from laketrain.config.track import MLflow, TensorBoard
from laketrain.lake import Lake, Version
from laketrain.track import Ending, RunFacts
from laketrain.track.mlflow import MLflowTracker
from laketrain.track.tensorboard import TensorBoardTracker

RUN = RunFacts("tiny", datetime(2026, 11, 21, 9, 30, tzinfo=timezone.utc),
               {f"train.p{number}": str(number) for number in range(130)} | {
                   "train.long": "x" * 9000, "train.loss.*.é": "focal"},
               {"laketrain.dataset": "features/tiny@1", "laketrain.fingerprint": "abc"}, "name: tiny\n")
EPOCHS = {1: {"loss": 0.5, "val_loss": 0.75, "rows_per_s": 10.0},
          2: {"loss": 0.25, "val_loss": 0.5, "rows_per_s": 12.0}}


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(str(tmp_path / "lake"))


@pytest.fixture
def model(lake: Lake, tmp_path: Path) -> Version:
    (tmp_path / "model.keras").write_bytes(b"a model")
    with lake.table("models", "tiny").stage() as draft:
        lake.store.put(str(tmp_path / "model.keras"), draft.path("model.keras"))
        return draft.commit(stage="train", fingerprint="m")


def told(tracker, ending: Ending) -> None:
    tracker.start(RUN)
    for number, metrics in EPOCHS.items():
        tracker.epoch(number, metrics)
    tracker.finish(ending)


# ---- MLflow


def stored(lake: Lake):
    from mlflow.tracking import MlflowClient

    return MlflowClient(f"sqlite:///{lake.url}/runs/_mlflow/mlflow.db")


@pytest.mark.slow
def test_mlflow_holds_parameters_metrics_by_epoch_lineage_config_and_model(lake, model, monkeypatch, tmp_path) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.chdir(tmp_path)
    told(MLflowTracker(MLflow(), lake), Ending("finished", model, {"laketrain.model": model.ref}))
    told(MLflowTracker(MLflow(model=False), lake), Ending("failed"))

    client = stored(lake)
    experiment = client.get_experiment_by_name("tiny")
    failed, run = client.search_runs([experiment.experiment_id])
    assert (failed.info.status, run.info.status) == ("FAILED", "FINISHED")
    assert run.info.run_name == "tiny 2026-11-21 09:30:00"
    assert len(run.data.params) == 132
    assert run.data.params["train.loss._._"] == "focal"
    assert run.data.params["train.p7"] == "7"
    assert run.data.params["train.long"] == "x" * 500
    assert run.data.tags.items() >= {"laketrain.dataset": "features/tiny@1", "laketrain.fingerprint": "abc",
                                     "laketrain.model": "models/tiny@1"}.items()
    for name in ("loss", "val_loss", "rows_per_s"):
        history = client.get_metric_history(run.info.run_id, name)
        assert [(point.step, point.value) for point in history] == [
            (number, metrics[name]) for number, metrics in EPOCHS.items()]
    for name, content in (("model/model.keras", b"a model"), ("workload.yaml", b"name: tiny\n")):
        assert Path(client.download_artifacts(run.info.run_id, name, str(tmp_path))).read_bytes() == content
    assert [found.path for found in client.list_artifacts(failed.info.run_id)] == ["workload.yaml"]
    assert not (tmp_path / "mlruns").exists()  # all of it lies in the lake,
    assert [table.path for table in lake.tables()] == ["models/tiny"]  # where no one takes it for a table


@pytest.mark.slow
def test_mlflow_goes_where_the_config_or_else_the_environment_says(lake, monkeypatch, tmp_path) -> None:
    from mlflow.tracking import MlflowClient

    named, given = f"sqlite:///{tmp_path}/named.db", f"sqlite:///{tmp_path}/given.db"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", given)
    told(MLflowTracker(MLflow(uri=named, experiment="digits"), lake), Ending("stopped"))
    told(MLflowTracker(MLflow(), lake), Ending("finished"))
    for uri, experiment, status in ((named, "digits", "KILLED"), (given, "tiny", "FINISHED")):
        client = MlflowClient(uri)
        [run] = client.search_runs([client.get_experiment_by_name(experiment).experiment_id])
        assert run.info.status == status
    assert not Path(lake.url, "runs").exists()


# ---- TensorBoard


def board(folder: Path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    return EventAccumulator(str(folder)).Reload()


def check(folder: Path, status: str) -> None:
    events = board(folder)
    assert sorted(events.Tags()["scalars"]) == ["loss/train", "loss/validation", "rows_per_s/train"]
    assert [(point.step, point.value) for point in events.Scalars("loss/validation")] == [(1, 0.75), (2, 0.5)]
    assert [(point.step, point.value) for point in events.Scalars("loss/train")] == [(1, 0.5), (2, 0.25)]
    text = {tag: events.Tensors(tag)[0].tensor_proto.string_val[0].decode() for tag in events.Tags()["tensors"]}
    assert text["settings"] == "```yaml\nname: tiny\n```"
    assert "| laketrain.dataset | features/tiny@1 |" in text["lineage"]
    assert f"| status | {status} |" in text["outcome"]


@pytest.mark.slow
def test_tensorboard_reads_the_scalars_settings_and_lineage_of_each_training_by_itself(lake, model) -> None:
    told(TensorBoardTracker(TensorBoard(), lake), Ending("finished", model, {"laketrain.model": model.ref}))
    folder = Path(lake.url, "runs", "tiny-tensorboard")
    [run] = folder.iterdir()
    assert run.name == "20261121T093000.000000Z"
    check(run, "finished")
    assert [table.path for table in lake.tables()] == ["models/tiny"]


@pytest.mark.slow
def test_tensorboard_sees_each_epoch_as_it_ends(lake, tmp_path) -> None:
    tracker = TensorBoardTracker(TensorBoard(folder=str(tmp_path / "board")), lake)
    tracker.start(RUN)
    tracker.epoch(1, EPOCHS[1])
    [run] = (tmp_path / "board").iterdir()
    events = board(run)
    assert [point.value for point in events.Scalars("loss/train")] == [0.5]
    tracker.epoch(2, EPOCHS[2])
    assert [point.value for point in events.Reload().Scalars("loss/train")] == [0.5, 0.25]


@pytest.fixture
def memory() -> Iterator[fsspec.AbstractFileSystem]:
    storage = fsspec.filesystem("memory")
    yield storage
    storage.rm("/boards", recursive=True)


@pytest.mark.slow
def test_a_storage_that_can_not_append_gets_the_same_file(lake, tmp_path, memory) -> None:
    told(TensorBoardTracker(TensorBoard(folder="memory://boards"), lake), Ending("failed"))
    [file] = memory.find("/boards")
    (tmp_path / Path(file).name).write_bytes(memory.cat(file))
    check(tmp_path, "failed")


@pytest.mark.slow
def test_what_never_began_needs_no_end(lake) -> None:
    for tracker in (MLflowTracker(MLflow(), lake), TensorBoardTracker(TensorBoard(), lake)):
        tracker.finish(Ending("failed"))
    assert not Path(lake.url).exists()


@pytest.mark.slow
def test_neither_brings_tensorflow_to_the_driver(tmp_path) -> None:
    program = ("import sys\nfrom tests.track.test_stores import *\nlake = Lake(sys.argv[1])\n"
               "told(TensorBoardTracker(TensorBoard(), lake), Ending('failed'))\n"
               "told(MLflowTracker(MLflow(), lake), Ending('failed'))\n"
               "print([name for name in ('tensorflow', 'keras') if name in sys.modules])")
    done = subprocess.run([sys.executable, "-c", program, str(tmp_path)], capture_output=True, text=True, check=True,
                          cwd=Path(__file__).parents[2])
    assert done.stdout.strip() == "[]"
