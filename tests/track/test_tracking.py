"""Trackers receive the events of a training; their failures don't end it."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from laketrain.config.track import MLflow, TensorBoard, Track
from laketrain.events import EpochEnded, Event, Restarted, StepEnded
from laketrain.lake import Lake, Version
from laketrain.track import Ending, RunFacts, Tracking, missing_packages, tracked
from laketrain.track.run import flattened
from laketrain.workload import Workload

YAML = """\
name: tiny
lake: lake
spark: {conf: {spark.hadoop.fs.s3a.secret.key: hush-hush}}
sources: {scans: {format: csv, path: "s3a://me:hush-hush@bucket/*.csv",
  schema: {id: string, image: binary, label: int}}}
convert: {table: scans, features: {image: {kind: image, shape: [8, 8, 1]}, label: {kind: label, classes: 4}},
  split: {by: id, fractions: {train: 0.8, val: 0.2}}}
clean: {scans: {rules: [{not_null: {columns: [id]}}]}}
train: {model: {name: linear}, epochs: 2, batch: 32, augment: {crop: 1}}
track: {tensorboard: {folder: boards}}
"""


@pytest.fixture
def workload(tmp_path: Path) -> Workload:
    (tmp_path / "tiny.yaml").write_text(YAML, "utf-8")
    return Workload.load(tmp_path / "tiny.yaml")


@pytest.fixture
def dataset(tmp_path: Path) -> Version:
    lake = Lake(str(tmp_path / "lake"))
    with lake.table("clean", "scans").stage() as draft:
        parent = draft.commit(stage="clean", fingerprint="c")
    with lake.table("features", "tiny").stage() as draft:
        return draft.commit(stage="convert", fingerprint="f", parents={parent.table: parent.number})


class RecordingTracker:
    """A tracker that records its calls, and fails in the method `fails`."""

    def __init__(self, fails: str = "") -> None:
        self.fails, self.calls, self.threads = fails, list[Any](), set[str]()

    def _record(self, method: str, argument: Any) -> None:
        self.threads.add(threading.current_thread().name)
        self.calls.append((method, argument))
        if method == self.fails:
            raise OSError(f"no {method} at https://me:hush@server")

    def start(self, run: RunFacts) -> None:
        self._record("start", run)

    def epoch(self, number: int, metrics: Mapping[str, float]) -> None:
        self._record("epoch", (number, dict(metrics)))

    def finish(self, ending: Ending) -> None:
        self._record("finish", ending)


def epoch(number: int, **metrics: Any) -> EpochEnded:
    return EpochEnded(number, 3, {"epoch": number, "loss": 1 / number, **metrics})


def train(tracking: Tracking, *events: tuple[int, Event]) -> None:
    tracking.begin(lambda: "facts")  # type: ignore[arg-type,return-value]
    for rank, event in events:
        if isinstance(event, EpochEnded):
            tracking.epoch_ended(rank, event)
    tracking.end(Ending("finished"))


def test_a_tracker_receives_the_start_each_epoch_of_rank_0_once_and_the_end() -> None:
    tracker = RecordingTracker()
    events = [(0, epoch(1, accuracy=0.5)), (1, epoch(1)), (0, StepEnded(2, 1)), (0, epoch(2)),
              (0, Restarted(1, 2, "killed")), (0, epoch(2)), (0, epoch(3))]
    train(Tracking({"it": tracker}, print), *events)
    epochs = [(1, {"loss": 1.0, "accuracy": 0.5}), (2, {"loss": 0.5}), (3, {"loss": 1 / 3})]
    assert tracker.calls == [("start", "facts"), *(("epoch", values) for values in epochs),
                             ("finish", Ending("finished"))]
    assert not any(thread == "MainThread" for thread in tracker.threads)


def test_only_finite_numbers_are_metrics() -> None:
    tracker = RecordingTracker()
    logs = {"val_loss": float("nan"), "best": True, "note": "x", "none": None, "rows": 3}
    train(Tracking({"it": tracker}, print), (0, epoch(1, **logs)))
    assert tracker.calls[1] == ("epoch", (1, {"loss": 1.0, "rows": 3.0}))


@pytest.mark.parametrize("verb", ["start", "epoch", "finish"])
def test_a_tracker_that_fails_is_noted_once_and_the_others_continue(verb: str) -> None:
    bad, good, notes = RecordingTracker(fails=verb), RecordingTracker(), list[str]()
    train(Tracking({"Bad": bad, "Good": good}, notes.append), (0, epoch(1)), (0, epoch(2)))
    assert [method for method, _ in good.calls] == ["start", "epoch", "epoch", "finish"]
    assert notes == [f"Bad receives no more of this training: OSError: no {verb} at https://me:hush@server"]
    assert [method for method, _ in bad.calls] == {"start": ["start", "finish"], "epoch": ["start", "epoch", "finish"],
                                               "finish": ["start", "epoch", "epoch", "finish"]}[verb]


def test_without_trackers_no_facts_are_collected_and_no_thread_is_started() -> None:
    before = threading.active_count()
    tracking = Tracking({}, print)
    tracking.begin(lambda: pytest.fail("asked for facts"))
    assert threading.active_count() == before
    tracking.end(Ending("finished"))


def test_the_facts_are_settings_without_secrets_and_the_lineage_of_the_data(workload, dataset) -> None:
    facts = RunFacts.of(workload, dataset, "abc")
    assert facts.parameters["train.augment.crop"] == "1"
    assert facts.parameters["train.model.name"] == "linear"
    assert facts.parameters["convert.split.fractions.train"] == "0.8"
    assert facts.tags["laketrain.dataset"] == "features/tiny@1"
    assert facts.tags["laketrain.parents"] == "clean/scans@1"
    assert facts.tags["laketrain.fingerprint"] == "abc"
    assert "hush-hush" not in str(facts)
    assert "(hidden)" in facts.config


def test_a_tree_is_flattened_to_dotted_keys() -> None:
    assert flattened({"a": {"b": [1, {"c": "x"}], "d": 2.5}, "e": True}) == {
        "a.b.0": "1", "a.b.1.c": "x", "a.d": "2.5", "e": "True"}


@pytest.mark.parametrize(("raised", "status"), [(ValueError("no"), "failed"), (KeyboardInterrupt(), "stopped")])
def test_a_training_that_fails_or_is_stopped_has_that_status(
        workload, dataset, monkeypatch, raised, status: str) -> None:
    tracker = RecordingTracker()
    monkeypatch.setattr("laketrain.track.tracking._trackers", lambda *_: {"it": tracker})
    with pytest.raises(type(raised)), tracked(workload, dataset, "abc", print):
        raise raised
    assert tracker.calls[-1][1].status == status


def test_a_note_contains_no_secret(workload, dataset, monkeypatch) -> None:
    notes: list[str] = []
    monkeypatch.setattr("laketrain.track.tracking._trackers", lambda *_: {"it": RecordingTracker(fails="start")})
    with tracked(workload, dataset, "abc", notes.append):
        pass
    assert notes == ["it receives no more of this training: OSError: no start at https://(hidden)@server"]


def test_a_missing_package_is_reported_with_the_command_that_installs_it(monkeypatch) -> None:
    track = Track(mlflow=MLflow(), tensorboard=TensorBoard())
    assert list(missing_packages(track)) == []
    assert list(missing_packages(None)) == []
    monkeypatch.setattr("laketrain.track.tracking.find_spec", lambda name: None if name == "mlflow" else name)
    [problem] = missing_packages(track)
    assert str(problem) == ("track.mlflow: needs mlflow, not installed here. "
                            "Run pip install 'laketrain[track]', or remove the section")
    assert list(missing_packages(Track(tensorboard=TensorBoard()))) == []


def test_a_relative_folder_is_relative_to_the_config(workload, tmp_path: Path) -> None:
    assert workload.track is not None
    assert workload.track.tensorboard == TensorBoard(folder=str(tmp_path / "boards"))


