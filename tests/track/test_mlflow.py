"""A real MLflow store contains what a training logged, read by MLflow's client."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from tests.track.trainings import EPOCHS, log_training

from laketrain.config.track import MLflow
from laketrain.lake import Lake
from laketrain.track import Ending
from laketrain.track.mlflow import MLflowTracker


def stored(lake: Lake):
    from mlflow.tracking import MlflowClient

    return MlflowClient(f"sqlite:///{lake.url}/runs/_mlflow/mlflow.db")


@pytest.mark.slow
def test_a_run_has_parameters_metrics_by_epoch_lineage_config_and_model(lake, model, monkeypatch, tmp_path) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.chdir(tmp_path)
    log_training(MLflowTracker(MLflow(), lake), Ending("finished", model, {"laketrain.model": model.ref}))
    log_training(MLflowTracker(MLflow(model=False), lake), Ending("failed"))

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
    assert [file.path for file in client.list_artifacts(failed.info.run_id)] == ["workload.yaml"]
    assert not (tmp_path / "mlruns").exists()
    assert [table.path for table in lake.tables()] == ["models/tiny"]


@pytest.mark.slow
def test_the_store_is_that_of_the_config_or_else_of_the_environment(lake, monkeypatch, tmp_path) -> None:
    from mlflow.tracking import MlflowClient

    named, default = f"sqlite:///{tmp_path}/named.db", f"sqlite:///{tmp_path}/default.db"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", default)
    log_training(MLflowTracker(MLflow(uri=named, experiment="digits"), lake), Ending("stopped"))
    log_training(MLflowTracker(MLflow(), lake), Ending("finished"))
    for uri, experiment, status in ((named, "digits", "KILLED"), (default, "tiny", "FINISHED")):
        client = MlflowClient(uri)
        [run] = client.search_runs([client.get_experiment_by_name(experiment).experiment_id])
        assert run.info.status == status
    assert not Path(lake.url, "runs").exists()


@pytest.mark.slow
def test_a_run_that_never_started_needs_no_end(lake) -> None:
    MLflowTracker(MLflow(), lake).finish(Ending("failed"))
    assert not Path(lake.url).exists()


@pytest.mark.slow
def test_tensorflow_is_not_imported(tmp_path) -> None:
    program = ("import sys\nfrom tests.track.test_mlflow import *\nfrom laketrain.lake import Lake\n"
               "log_training(MLflowTracker(MLflow(), Lake(sys.argv[1])), Ending('failed'))\n"
               "print([name for name in ('tensorflow', 'keras') if name in sys.modules])")
    result = subprocess.run([sys.executable, "-c", program, str(tmp_path)], capture_output=True, text=True, check=True,
                            cwd=Path(__file__).parents[2])
    assert result.stdout.strip() == "[]"
