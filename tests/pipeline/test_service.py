"""The service that lands what arrives. On a real broker: tests/cluster/test_kafka.py."""

from __future__ import annotations

import os
import pkgutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.cluster.walk import build_walk
from tests.road import Quiet
from tests.small import write
from tests.tables import rows_of

from laketrain.errors import ConfigError, DataError, GateError, LaketrainError
from laketrain.lake import Lake, appends
from laketrain.pipeline import Pipeline
from laketrain.pipeline.service import parse_duration, stream

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

WORKLOAD = """
name: scans
lake: lake
sources:
  scans: {format: csv, path: landing, schema: {id: string}, incremental: true, empty: ok}
"""
CLEAN = """
clean:
  scans: {max_reject_fraction: 0.0, rules: [allowed: {column: id, values: [a, b]}]}
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    (tmp_path / "landing").mkdir()
    path = tmp_path / "scans.yaml"
    path.write_text(WORKLOAD)
    return path


def deliver(config: Path, name: str, text: str = "") -> None:
    draft = config.parent / f"{name}.part"
    draft.write_text(text or f"{name}\n")
    draft.rename(config.parent / "landing" / name)


def held(config: Path) -> list[str]:
    latest = Lake(config.parent / "lake").table("raw", "scans").latest()
    return [file.path for part in appends(latest) for file in part.entry.files] if latest else []


def until(happens: Callable[[], Any], patience: float = 60) -> None:
    end = time.monotonic() + patience
    while not happens():
        assert time.monotonic() < end, "it never happened"
        time.sleep(0.01)


def served(config: Path, stop: threading.Event, listener: Quiet, every: float = 0.05, patience: float = 60,
           **more: Any) -> tuple[threading.Thread, list[int | Exception]]:
    """The service in a thread, and its result or error when it has ended."""
    results: list[int | Exception] = []

    def serve() -> None:
        try:
            results.append(stream(config, timedelta(seconds=every), timedelta(seconds=patience), stop=stop,
                               listener=listener, **more))
        except Exception as error:
            results.append(error)

    thread = threading.Thread(target=serve, daemon=True)  # one that a failed test leaves ends with all
    thread.start()
    return thread, results


def stream_once(config: Path) -> None:
    """A service that is ended once something has landed."""
    stop = threading.Event()
    thread, _ = served(config, stop, Quiet())
    until(lambda: held(config))
    stop.set()
    thread.join()


def test_files_are_landed_as_they_arrive_and_rounds_without_any_make_nothing(config: Path) -> None:
    stop = threading.Event()
    thread, results = served(config, stop, Quiet())
    for name in ("a", "b", "c"):
        deliver(config, name)
        until(lambda name=name: name in held(config))
    stop.set()
    thread.join()
    assert sorted(held(config)) == ["a", "b", "c"]
    versions = Lake(config.parent / "lake").table("raw", "scans").versions()
    assert results == [len(versions)]
    assert 3 <= len(versions) <= 4  # it may have started before the first file


@pytest.mark.slow
def test_new_rows_are_predicted_by_the_latest_model(spark: SparkSession, tmp_path: Path) -> None:
    walk = build_walk(tmp_path)
    text = walk.config.read_text("utf-8").replace("scans/*.csv, ", "scans/*.csv, incremental: true, ", 1)
    text = text.replace("train:\n", "train:\n  retrain_when: {rows: 10}\n")
    text = text.replace("predict:\n", "predict:\n  only_new: true\n")
    walk.config.write_text(text, "utf-8")
    before = {row["id"] for row in rows_of(walk.run(spark)[-1].version)}
    stop = threading.Event()
    thread, results = served(walk.config, stop, Quiet(), last="predict", spark=spark)
    arrived = [{"id": f"later{number}", "pixels": "1 2 3 4"} for number in range(5)]
    write(walk.config.parent / "part.csv", arrived)
    (walk.config.parent / "part.csv").rename(walk.small.landing / "scans" / "three.csv")
    until(lambda: results or len(walk.lake.table("predictions", "scans").versions()) == 2, patience=280)
    stop.set()
    thread.join()
    assert results == [1]
    predicted = rows_of(walk.latest("predictions/scans"))
    assert {row["id"] for row in predicted} == before | {row["id"] for row in arrived}
    assert {row["id"] for row in predicted if row["data"] == "clean/scans@2"} == {row["id"] for row in arrived}
    assert {row["model"] for row in predicted} == {"models/small@1"}


def test_a_temporary_failure_is_retried_and_reported_once(config: Path) -> None:
    stop, listener = threading.Event(), Quiet()
    deliver(config, "a")
    thread, results = served(config, stop, listener)
    until(lambda: held(config))
    deliver(config, "a", "another\n")
    until(lambda: listener.notes)
    time.sleep(0.3)  # rounds enough to report it again
    (config.parent / "landing" / "a").unlink()
    deliver(config, "b")
    until(lambda: "b" in held(config))
    stop.set()
    thread.join()
    assert results == [2]
    assert ["a has 8 bytes, but had 2" in note for note in listener.notes] == [True]


def test_a_lasting_failure_ends_the_service_when_patience_is_over(config: Path) -> None:
    deliver(config, "a")
    listener = Quiet()
    thread, results = served(config, threading.Event(), listener, patience=0.2)
    until(lambda: held(config))
    deliver(config, "a", "another\n")
    thread.join(60)
    [error] = results
    assert isinstance(error, DataError)


def test_failing_stages_are_retried_without_new_data_until_patience_is_over(
        config: Path, spark: SparkSession) -> None:
    config.write_text(WORKLOAD.replace("schema", "options: {header: false}, schema") + CLEAN)
    listener = Quiet()
    deliver(config, "c")
    thread, results = served(config, threading.Event(), listener, patience=3, last="clean", spark=spark)
    thread.join(120)
    [error] = results
    assert isinstance(error, DataError)
    assert [note.endswith("(tried again)") for note in listener.notes] == [True]
    assert Lake(config.parent / "lake").table("raw", "scans").versions() == [1]


def test_a_model_below_its_gate_is_reported_once_and_new_data_is_still_landed(
        config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A training in each round would be too long for a test."""
    evaluations: list[int] = []

    def below(pipeline: Pipeline, first: str, last: str) -> None:
        evaluations.append(len(held(config)))
        raise GateError("evaluate", "models/scans@1", "is below its gate")

    monkeypatch.setattr(Pipeline, "run", below)
    monkeypatch.setattr(Pipeline, "require", lambda pipeline, stage: None)
    stop, listener = threading.Event(), Quiet()
    deliver(config, "a")
    thread, results = served(config, stop, listener, patience=0.1, last="evaluate")
    until(lambda: evaluations)
    time.sleep(0.5)  # rounds enough to ask again
    deliver(config, "b")
    until(lambda: results or 2 in evaluations)
    stop.set()
    thread.join()
    assert (evaluations, results) == ([1, 2], [2])
    assert [note.endswith("(waiting for more)") for note in listener.notes] == [True, True]


def test_data_that_landed_before_a_service_ended_is_cleaned_by_the_next_one(config: Path, spark: SparkSession) -> None:
    config.write_text(WORKLOAD.replace("schema", "options: {header: false}, schema") + CLEAN)
    deliver(config, "a")
    stream_once(config)
    table = Lake(config.parent / "lake").table("clean", "scans")
    assert table.versions() == []
    stop = threading.Event()
    thread, results = served(config, stop, Quiet(), last="clean", spark=spark)
    until(lambda: results or table.versions())
    stop.set()
    thread.join()
    assert results == [0]
    assert [row["id"] for row in rows_of(table.latest())] == ["a"]


@pytest.fixture
def two(config: Path, spark: SparkSession) -> tuple[Pipeline, Callable[[], Any]]:
    """A pipeline that has landed `a`, and another job that lands `b` and cleans both. By rules of its own, so that
    there is something for the first to make."""
    config.write_text(WORKLOAD.replace("schema", "options: {header: false}, schema") + CLEAN)
    deliver(config, "a")
    pipeline = Pipeline(config, listener=Quiet(), spark=spark)
    pipeline.ingest()

    def other() -> None:
        deliver(config, "b")
        Pipeline(config, ["clean.scans.max_reject_fraction=0.5"], listener=Quiet(), spark=spark).run("ingest", "clean")

    return pipeline, other


def cleaned(config: Path) -> list[tuple[int, list[str]]]:
    """Of each clean version, which raw version it was made of, and its rows."""
    table = Lake(config.parent / "lake").table("clean", "scans")
    return [(version.entry.parents["raw/scans"], sorted(row["id"] for row in rows_of(version)))
            for version in reversed(list(table.newest_first()))]


def test_a_job_with_outdated_inputs_reads_the_newest_ones(
        config: Path, two: tuple[Pipeline, Callable[[], Any]]) -> None:
    pipeline, other = two
    other()
    assert pipeline.clean()["scans"].entry.parents == {"raw/scans": 2}
    assert cleaned(config) == [(2, ["a", "b"]), (2, ["a", "b"])]


@pytest.mark.parametrize("when", ["laketrain.pipeline.context.Context.lease", "laketrain.clean.stage.clean"],
                         ids=["waiting for its lease", "at work"])
def test_a_job_that_is_overtaken_leaves_the_table_at_the_newest_data(
        config: Path, two: tuple[Pipeline, Callable[[], Any]], monkeypatch: pytest.MonkeyPatch, when: str) -> None:
    pipeline, other = two
    original, calls = pkgutil.resolve_name(when), []

    def overtake(*arguments: Any) -> Any:
        if not calls:
            calls.append(arguments)
            other()
        return original(*arguments)

    monkeypatch.setattr(when, overtake)
    assert pipeline.clean()["scans"].entry.parents == {"raw/scans": 2}
    assert cleaned(config) == [(2, ["a", "b"]), (2, ["a", "b"])]
    assert pipeline.listener.notes == ["clean/scans@1 was made from raw/scans@2 meanwhile: planning it again"] or (
        when.endswith("clean") and "meanwhile" in pipeline.listener.notes[0])
    quarantine = Lake(config.parent / "lake").table("quarantine", "scans").latest()
    assert quarantine is not None and quarantine.entry.parents == {"raw/scans": 2}


def test_data_that_another_job_landed_is_cleaned_by_the_service(config: Path, spark: SparkSession) -> None:
    config.write_text(WORKLOAD.replace("schema", "options: {header: false}, schema") + CLEAN)
    deliver(config, "a")
    stop = threading.Event()
    thread, results = served(config, stop, Quiet(), every=0.5, last="clean", spark=spark)
    until(lambda: results or cleaned(config))
    deliver(config, "b")
    Pipeline(config, listener=Quiet(), spark=spark).ingest()
    until(lambda: results or len(cleaned(config)) == 2)
    stop.set()
    thread.join()
    assert cleaned(config)[-1] == (2, ["a", "b"])


def test_a_failing_source_does_not_keep_later_ones_from_landing(config: Path) -> None:
    other = "before: {format: text, path: other, incremental: true}"
    config.write_text(WORKLOAD.replace("sources:", f"sources:\n  {other}"))
    deliver(config, "a")
    stop, listener = threading.Event(), Quiet()
    thread, results = served(config, stop, listener)
    until(lambda: results or held(config))
    until(lambda: results or listener.notes)
    deliver(config, "b")
    until(lambda: results or "b" in held(config))
    stop.set()
    thread.join()
    assert (sorted(held(config)), results) == (["a", "b"], [2])
    assert ["source 'before': no file matches" in note for note in listener.notes] == [True]


def test_a_run_that_lands_all_again_reports_missing_files_and_later_increments_continue_from_it(config: Path) -> None:
    raw = Lake(config.parent / "lake").table("raw", "scans")
    for name in ("a", "b"):
        deliver(config, name)
        Pipeline(config, listener=Quiet()).ingest()
    (config.parent / "landing" / "b").unlink()
    listener = Quiet()
    whole = Pipeline(config, ["sources.scans.incremental=false"], listener=listener)
    # What is there is what version 1 held; but the newest one is what counts from now on.
    assert (whole.ingest()["scans"].number, whole.ingest()["scans"].number, raw.versions()) == (3, 3, [1, 2, 3])
    assert listener.notes == ["1 files that raw/scans@2 holds are no longer at the source, and raw/scans@3 is without "
                             "them"]
    deliver(config, "c")
    Pipeline(config, listener=Quiet()).ingest()
    assert held(config) == ["a", "c"]


def test_all_failing_sources_are_reported(config: Path) -> None:
    text = WORKLOAD.replace("sources:", "sources:\n  one: {format: text, path: other}\n  two: {format: text, path: no}")
    config.write_text(text)
    deliver(config, "a")
    with pytest.raises(LaketrainError, match=r"2 sources: .*source 'one': no file.*source 'two': no file"):
        Pipeline(config, listener=Quiet()).ingest(each=True)
    assert held(config) == ["a"]


def test_a_stage_without_a_section_is_refused_at_once(config: Path) -> None:
    with pytest.raises(ConfigError, match="there is no 'train' section"):
        stream(config, timedelta(seconds=1), listener=Quiet(), last="train")


@pytest.mark.skipif(os.name != "posix", reason="signals")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_command_exits_with_0_on_a_signal(config: Path, number: signal.Signals) -> None:
    service = subprocess.Popen([sys.executable, "-m", "laketrain", "stream", str(config), "--every", "100 ms"],
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        deliver(config, "a")
        until(lambda: "a" in held(config))
        service.send_signal(number)
        message = service.communicate(timeout=60)[0]
    finally:
        service.kill()
        service.wait()
    assert service.returncode == 0, message
    assert "versions landed" in message.splitlines()[-1]


def test_a_workload_without_an_incremental_source_is_refused(config: Path) -> None:
    config.write_text(WORKLOAD.replace("incremental: true, ", ""))
    with pytest.raises(ConfigError, match="none of scans grows, so there is nothing to wait for"):
        stream(config, timedelta(seconds=1), listener=Quiet())


@pytest.mark.parametrize(("text", "message"), [("soon", "--every: received 'soon', expected a number and a unit"),
                                            ("5 parsecs", "--every: received the unit 'parsecs'")])
def test_a_duration_that_cannot_be_parsed_is_refused_with_its_option(text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        parse_duration("--every", text)
    assert parse_duration("--every", "1.5 hours") == timedelta(minutes=90)
