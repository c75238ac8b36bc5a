"""Stages run when something changed, from what the stage before committed; whatever fails, the lake is whole."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.road import Quiet
from tests.small import BAD_SCANS, CONFIG, ROWS, Small, build_small, write
from tests.tables import rows_of

from laketrain.config.language.document import Document
from laketrain.errors import ConfigError, DataError, GateError, LakeError
from laketrain.evaluate import fingerprint_evaluate
from laketrain.feed.dataset import Dataset
from laketrain.lake import Lake, Version, collect
from laketrain.pipeline import Pipeline
from laketrain.pipeline.stages import between, in_order
from laketrain.workload import Workload

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

STAGES = tuple(stage.name for stage in in_order())
ALL = ["raw/scans", "raw/labels", "clean/scans", "clean/labels", "integrated/digits", "features/small"]
LOWER_LIMIT = "clean.scans.rules.2={range: {column: pixels, min: 10, max: 255}}"
STRICT = "clean.scans.max_reject_fraction=0.01"
TRAINING = """
train: {model: {name: linear}, epochs: 1, batch: 4}
evaluate: {}
"""


@pytest.fixture
def small(finished: Small, tmp_path: Path) -> Small:
    """A finished lake of its own over the shared landing zone."""
    return finished.at(tmp_path / "lake")


def made(pipeline: Pipeline) -> list[str]:
    """The versions that a run made."""
    return [outcome.version.ref for outcome in pipeline.outcomes if not outcome.skipped]


def versions(home: Small) -> dict[str, list[int]]:
    return {table.path: table.versions() for table in home.lake.tables()}


# ---- what is run


def test_a_run_makes_every_declared_stage_in_order_and_reports_to_its_listener(finished: Small, spark: SparkSession):
    pipeline = finished.pipeline(spark)
    pipeline.run()
    listener = pipeline.listener
    assert isinstance(listener, Quiet)
    assert listener.began == [("ingest", "scans"), ("ingest", "labels"), ("clean", "scans"), ("clean", "labels"),
                             ("integrate", "digits"), ("convert", "small")]
    assert [outcome.version.ref for outcome in listener.ended] == [f"{table}@1" for table in ALL]


def test_unchanged_tables_are_skipped_without_spark(small: Small):
    before = versions(small)
    pipeline = small.pipeline()
    result = pipeline.run()
    assert (made(pipeline), result.changed) == ([], False)
    assert not pipeline.context.started_spark
    assert versions(small) == before
    assert result.report is not None and result.report.ref == "runs/small@1"


def test_retain_drops_old_versions_and_a_rerun_changes_nothing(small: Small, spark: SparkSession):
    sets = (LOWER_LIMIT, "clean.scans.max_reject_fraction=0.5", "retain.versions=1")
    small.pipeline(spark, *sets).run()
    there = versions(small)
    assert {table: there[table] for table in ALL} == {
        "raw/scans": [1], "raw/labels": [1], "clean/scans": [2], "clean/labels": [1], "integrated/digits": [2],
        "features/small": [2]}
    assert (there["quarantine/scans"], there["profiles/clean.scans"], there["runs/small"]) == ([2], [2], [2])
    again = small.pipeline(None, *sets)
    again.run()
    assert made(again) == []


def test_a_changed_rule_reruns_only_its_table_and_those_that_depend_on_it(small: Small, spark: SparkSession):
    pipeline = small.pipeline(spark, LOWER_LIMIT, "clean.scans.max_reject_fraction=0.5")
    result = pipeline.run()
    assert made(pipeline) == ["clean/scans@2", "integrated/digits@2", "features/small@2"]
    assert result.changed
    assert len(rows_of(pipeline.version("clean/scans"))) == ROWS - 10
    features = pipeline.version("features/small")
    assert features.entry.parents == {"integrated/digits": 2}
    assert pipeline.version("integrated/digits").entry.parents == {"clean/scans": 2, "clean/labels": 1}


def test_reverting_a_change_finds_the_old_versions(small: Small, spark: SparkSession):
    small.pipeline(spark, LOWER_LIMIT, "clean.scans.max_reject_fraction=0.5").run()
    again = small.pipeline()
    again.run()
    assert made(again) == []
    assert [outcome.version.ref for outcome in again.outcomes] == [f"{table}@1" for table in ALL]
    assert again.convert().version.ref == "features/small@1"


def test_a_change_of_convert_reruns_only_convert(small: Small, spark: SparkSession):
    pipeline = small.pipeline(spark, "convert.split.seed=5")
    pipeline.run()
    assert made(pipeline) == ["features/small@2"]


def test_force_makes_a_stage_and_those_that_read_it_again(small: Small, spark: SparkSession):
    pipeline = small.pipeline(spark)
    pipeline.run("clean", "clean", force=True)
    assert made(pipeline) == ["clean/scans@2", "clean/labels@2"]
    after = small.pipeline(spark)
    after.run()
    # The clean versions are found again, the newest first; so tables of the older ones are made again.
    assert made(after) == ["integrated/digits@2", "features/small@2"]


def test_new_files_are_landed_and_reach_the_dataset(spark: SparkSession, tmp_path: Path):
    home = build_small(tmp_path)
    home.pipeline(spark).run(last="integrate")
    write(home.landing / "scans" / "three.csv", [{"id": f"n{ROWS}", "pixels": "1 2 3 4"}])
    pipeline = home.pipeline(spark)
    pipeline.run()
    assert made(pipeline) == ["raw/scans@2", "clean/scans@2", "integrated/digits@2", "features/small@1"]
    assert {row["id"] for row in rows_of(pipeline.version("integrated/digits"))} >= {f"n{ROWS}"}


def test_a_scheduled_run_names_its_day_and_running_it_again_changes_nothing(small: Small, spark: SparkSession):
    write(small.landing / "labels" / "tuesday.csv", [{"id": f"n{n}", "label": str(n % 2)} for n in range(ROWS)])
    tuesday = small.pipeline(spark, "day=tuesday")
    tuesday.run(last="integrate")
    assert made(tuesday) == ["raw/labels@2", "clean/labels@2", "integrated/digits@2"]
    again = small.pipeline(None, "day=tuesday")
    again.run(last="integrate")
    assert made(again) == []


@pytest.mark.parametrize(("first", "last", "stages"), [
    (None, None, STAGES), ("clean", None, STAGES[1:]), (None, "clean", STAGES[:2]),
    ("convert", "convert", ("convert",)), ("integrate", "train", ("integrate", "convert", "train"))])
def test_from_and_to_choose_the_stages(first: str | None, last: str | None, stages: tuple[str, ...]):
    assert tuple(stage.name for stage in between(first, last)) == stages


@pytest.mark.parametrize(("first", "last", "message"), [
    ("claen", None, "--from: there is no stage 'claen'. Did you mean 'clean'?"),
    (None, "x", "--to: there is no stage 'x'. Accepted: clean, convert, evaluate"),
    ("train", "clean", "--from: train comes after --to clean. Swap them")])
def test_impossible_stages_are_refused(first: str | None, last: str | None, message: str):
    with pytest.raises(ConfigError) as caught:
        between(first, last)
    assert message in str(caught.value)


def test_only_the_chosen_stages_are_run_and_read_what_is_in_the_lake(spark: SparkSession, tmp_path: Path):
    home = build_small(tmp_path)
    home.pipeline(spark).run(last="clean")
    assert sorted(versions(home)) == ["clean/labels", "clean/scans", "profiles/clean.labels", "profiles/clean.scans",
                                      "quarantine/labels", "quarantine/scans", "raw/labels", "raw/scans", "runs/small"]
    later = home.pipeline(spark)
    later.run("integrate", "integrate")
    assert made(later) == ["integrated/digits@1"]
    assert later.version("integrated/digits").entry.parents == {"clean/labels": 1, "clean/scans": 1}


@pytest.mark.parametrize(("stage", "needs", "first"), [
    ("clean", "raw/scans", "ingest"), ("integrate", "clean/scans", "clean"),
    ("convert", "integrated/digits", "integrate")])
def test_a_stage_without_its_input_names_the_stage_to_run_first(tmp_path: Path, stage: str, needs: str, first: str):
    home = build_small(tmp_path)
    with pytest.raises(LakeError) as caught:
        home.pipeline().run(stage, stage)
    assert caught.value.subject == needs
    assert caught.value.problem == "nothing was committed to it yet"
    assert caught.value.hint == f"run the stage {first!r} first, e.g. laketrain run {home.config} --to {first}"


def test_a_landing_zone_without_files_is_reported_with_its_path(tmp_path: Path):
    home = build_small(tmp_path)
    with pytest.raises(DataError, match=r"no file matches .*/landing/labels/sunday\.csv") as caught:
        home.pipeline(None, "day=sunday").run()
    assert "sources.labels.path" in caught.value.hint


# ---- piece by piece


def test_a_notebook_calls_the_stages_one_by_one(spark: SparkSession, tmp_path: Path):
    pipeline = build_small(tmp_path).pipeline(spark)
    assert {name: version.ref for name, version in pipeline.ingest().items()} == {
        "scans": "raw/scans@1", "labels": "raw/labels@1"}
    assert {name: version.rows for name, version in pipeline.clean().items()} == {
        "scans": ROWS - BAD_SCANS, "labels": ROWS + 1}
    assert pipeline.integrate()["digits"].rows == ROWS - BAD_SCANS
    dataset = pipeline.convert()
    assert isinstance(dataset, Dataset)
    assert sum(dataset.splits.values()) == ROWS - BAD_SCANS
    table = pipeline.table("clean/labels")
    assert sorted(table.columns) == ["id", "label"]
    assert pipeline.table("quarantine/scans@1").where("rule = 'range(pixels)'").count() == BAD_SCANS
    assert pipeline.table("quarantine/small-features").count() == 0


def test_stages_called_in_turn_read_each_other_and_not_a_newer_version(small: Small, spark: SparkSession):
    pipeline = small.pipeline(spark)
    pipeline.ingest()
    pipeline.clean()
    small.pipeline(spark, LOWER_LIMIT, "clean.scans.max_reject_fraction=0.5").run("clean", "clean")
    assert pipeline.integrate()["digits"].ref == "integrated/digits@1"


def test_a_pipeline_runs_a_file_a_mapping_or_a_workload(tmp_path: Path):
    home = build_small(tmp_path)
    loaded = Workload.load(home.config)
    mapping = Document.parse(CONFIG.replace("${day}", "monday"), "small").data
    pipelines = [Pipeline(home.config), Pipeline(loaded), Pipeline({**mapping, "lake": home.lake.url, "sources": {
        name: {**source, "path": str(tmp_path / source["path"])} for name, source in mapping["sources"].items()}})]
    assert [pipeline.run(last="ingest").changed for pipeline in pipelines] == [True, False, False]
    with pytest.raises(ValueError, match=r"use workload\.changed"):
        Pipeline(loaded, ["profile=false"])


# ---- what a model is measured on


def measured_apart(folder: Path, trained_on: dict[str, int]) -> Small:
    """Two datasets, a model with these parents, and the evaluation of the first dataset with it: no other can be had
    without Spark."""
    home = build_small(folder)
    home.config.write_text(CONFIG + TRAINING, "utf-8")
    datasets = [commit(home.lake, "features/small") for _ in range(2)]
    model = commit(home.lake, "models/small", parents=trained_on)
    config = home.pipeline().workload.evaluate
    assert config is not None
    commit(home.lake, "runs/small-evaluation", fingerprint=fingerprint_evaluate(datasets[0], model, config),
           meta={"metrics": {"accuracy": 0.5}})
    return home


def commit(lake: Lake, table: str, **entry: Any) -> Version:
    with lake.table(*table.split("/")).stage() as draft:
        return draft.commit(**entry)


@pytest.mark.parametrize("named", [{}, {"convert.dataset": "other"}])
def test_a_model_is_evaluated_on_its_own_dataset_even_if_there_is_a_newer_one(
        tmp_path: Path, named: dict[str, str]):
    home = measured_apart(tmp_path, {"features/small": 1})
    commit(home.lake, "features/other")
    pipeline = home.pipeline(None, *(f"{key}={value}" for key, value in named.items()))
    assert pipeline.evaluate() == {"metrics": {"accuracy": 0.5}}
    listener = pipeline.listener
    assert isinstance(listener, Quiet)
    newer = "features/other@1" if named else "features/small@2"
    assert listener.notes == [
        f"models/small@1 is measured on features/small@1, on which it was trained, and not on {newer}"]


def test_a_gate_ignores_a_dataset_that_the_model_was_not_trained_on(tmp_path: Path):
    home = measured_apart(tmp_path, {"features/small": 1})
    pipeline = home.pipeline(None, "evaluate.gate={accuracy: '>= 0.5'}")
    pipeline.run("evaluate", "evaluate")
    assert made(pipeline) == []
    with pytest.raises(GateError, match=r"accuracy is 0\.5, expected >= 0\.6"):
        home.pipeline(None, "evaluate.gate={accuracy: '>= 0.6'}").evaluate()


def test_a_model_whose_dataset_is_missing_is_not_evaluated_on_another_one(tmp_path: Path):
    home = measured_apart(tmp_path, {"features/small": 1})
    home.lake.table("features", "small").drop(1)
    with pytest.raises(LakeError, match=r"models/small@1: was trained on features/small@1, which is no longer there, "
                                        r"and can't be measured on another dataset. Next: train a model: laketrain "
                                        r"run .* --from train"):
        home.pipeline().evaluate()
    commit(home.lake, "models/small", parents={"models/base": 1})
    with pytest.raises(LakeError, match=r"models/small@2: doesn't say on which dataset it was trained, expected one"):
        home.pipeline().evaluate()


@pytest.mark.parametrize("stage", ["train", "evaluate", "predict"])
def test_a_stage_that_the_workload_does_not_declare_is_refused(finished: Small, stage: str):
    with pytest.raises(ConfigError, match=f"there is no '{stage}' section"):
        getattr(finished.pipeline(), stage)()


@pytest.mark.parametrize(("ref", "message"), [
    ("clean/scan", "nothing was committed to it yet. Next: Did you mean 'clean/scans'?"),
    ("clean/scans@7", "there is none; the latest is 1"),
    ("clean/scans@x", "names no version"),
    ("claen/scans", "is none of raw, clean"),
    ("clean", "lake"),
    ("clean/../raw", "lake"),
    ("raw/scans", "isn't a table that Spark reads"),
])
def test_a_table_that_does_not_exist_is_refused(finished: Small, spark: SparkSession, ref: str, message: str):
    with pytest.raises(LakeError, match=".") as caught:
        finished.pipeline(spark).table(ref)
    assert message in str(caught.value)


# ---- failures


def test_a_failed_stage_leaves_what_was_committed_and_a_report_of_the_failure(small: Small, spark: SparkSession):
    before = versions(small)
    pipeline = small.pipeline(spark, STRICT)
    with pytest.raises(DataError, match=r"4 of 60 rows were rejected \(6.7%\), allowed is 1.0%"):
        pipeline.run()
    after = versions(small)
    assert {table: after[table] for table in ALL} == {table: before[table] for table in ALL}
    report = pipeline.version("runs/small")
    assert (report.number, report.entry.meta["failed"]) == (2, True)
    record = json.loads(small.lake.store.read(report.path("run.json")))
    assert "4 of 60 rows were rejected" in record["failure"]
    assert [outcome["stage"] for outcome in record["outcomes"]] == ["ingest", "ingest"]
    assert b"4 of 60 rows were rejected" in small.lake.store.read(report.path("report.html"))
    assert all(small.lake.table(*table.split("/")).get(number).exists()
               for table, numbers in after.items() for number in numbers)


def test_after_a_failure_a_corrected_run_succeeds(small: Small, spark: SparkSession):
    with pytest.raises(DataError):
        small.pipeline(spark, STRICT).run()
    mended = small.pipeline()
    mended.run()
    assert made(mended) == []
    assert mended.version("features/small").number == 1


def test_a_bug_of_laketrain_is_not_shown_as_a_mistake_of_the_user(small: Small, monkeypatch: pytest.MonkeyPatch):
    def broken(*_: object) -> None:
        raise ZeroDivisionError("ours")

    monkeypatch.setattr("laketrain.clean.stage.fingerprint_clean", broken)
    with pytest.raises(ZeroDivisionError, match="ours"):
        small.pipeline().run()


# ---- killed


def lake_is_whole(lake: Lake) -> None:
    """Every version that can be seen has all of its files, of their sizes, with the rows that it declares."""
    for table in lake.tables():
        for number in table.versions():
            version = table.get(number)
            assert version.missing() == []
            if version.zone not in ("raw", "runs"):
                assert len(rows_of(version)) == version.rows


def start(home: Small) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "laketrain", "run", str(home.config), "--lake", home.lake.url]
    return subprocess.Popen(command, env={**os.environ, "PYSPARK_PYTHON": sys.executable}, start_new_session=True,
                            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def staged(lake: Lake, table: str) -> Callable[[], bool]:
    """Whether some process is at work on the table."""
    folder = Path(lake.url) / table / "_drafts"
    return lambda: folder.is_dir() and any(folder.iterdir())


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_run_killed_in_any_stage_leaves_a_valid_lake_and_the_next_one_completes_it(
        finished: Small, spark: SparkSession, tmp_path: Path):
    home = build_small(tmp_path)
    moments = random.Random(7)
    for table, and_java in (("clean/scans", True), ("integrated/digits", False), ("features/small", True)):
        process, started = start(home), staged(home.lake, table)
        deadline = time.monotonic() + 300
        while not started() and process.poll() is None:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        time.sleep(moments.uniform(0, 0.6))
        (os.killpg if and_java else os.kill)(process.pid, signal.SIGKILL)
        process.wait()
        lake_is_whole(home.lake)
    last = home.pipeline(spark)
    last.run()
    lake_is_whole(home.lake)
    expected = finished.pipeline()
    for table in ("clean/scans", "clean/labels", "integrated/digits"):
        rows, expected_rows = (sorted(map(str, rows_of(pipeline.version(table)))) for pipeline in (last, expected))
        assert rows == expected_rows
    dataset, undisturbed = (Dataset(pipeline.version("features/small")) for pipeline in (last, expected))
    for split in dataset.splits:
        assert dataset.sample(split, ROWS)["id"].tolist() == undisturbed.sample(split, ROWS)["id"].tolist()
    tomorrow = datetime.now(timezone.utc) + timedelta(days=1)
    collect(home.lake, timedelta(hours=1), now=tomorrow)
    lake_is_whole(home.lake)
    assert not any(home.lake.store.list(f"{table}/_drafts") for table in ALL)
