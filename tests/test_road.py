"""The whole road on the command line, under spark-submit and in a notebook; killed and run again, and twice at once.
Each way, the same config on the same files gives the same weights."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyspark
import pytest

from laketrain.errors import GateError
from laketrain.feed.dataset import Dataset
from laketrain.lake import Lake, Version

from .road import Quiet, Road, build_road
from .tables import rows_of

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]
ROOT = Path(__file__).resolve().parents[1]
SETS = ("train.epochs=5", "train.model.filters=8", "train.model.dense=32", "evaluate.gate.accuracy='>= 0.3'")
SUBMIT_ENVIRONMENT = {"PYSPARK_PYTHON": sys.executable, "SPARK_HOME": str(Path(pyspark.__file__).parent)}
AFTER_CONVERT = ("models", "checkpoints", "predictions", "runs")


@dataclass(frozen=True)
class Walked:
    """What a run of the road left, and what it output."""

    lake: Lake
    output: str

    def latest(self, table: str) -> Version:
        version = self.lake.table(*table.split("/")).latest()
        assert version is not None, table
        return version

    @property
    def weights(self) -> str:
        return str(self.latest("models/mnist").entry.meta["weights"])

    @property
    def predictions(self) -> list[tuple[Any, ...]]:
        rows = rows_of(self.latest("predictions/unlabelled"))
        return sorted((row["digit_id"], row["class"], row["probability"], row["model"], row["data"]) for row in rows)


def assert_same_predictions(walked: Walked, reference: Walked) -> None:
    """For each row the same class, by the same model; probabilities to float rounding, since the rows that a task
    scores together are not the same where slots, or the time that they took, are not."""
    for row, other in zip(walked.predictions, reference.predictions, strict=True):
        assert row == (*other[:2], pytest.approx(other[2], abs=1e-6), *other[3:])


@pytest.fixture(scope="module")
def landed(tmp_path_factory: pytest.TempPathFactory) -> Road:
    return build_road(tmp_path_factory.mktemp("a road"))


def arguments(road: Road, lake: Path) -> list[str]:
    return [str(road.config), "--lake", str(lake), *(part for each in SETS for part in ("--set", each))]


def command(road: Road, lake: Path) -> list[str]:
    return [sys.executable, "-m", "laketrain", "run", *arguments(road, lake)]


def spark_submit(road: Road, lake: Path) -> list[str]:
    submit = shutil.which("spark-submit", path=str(Path(sys.executable).parent))
    assert submit is not None
    return [submit, "--master", "local[2]", str(ROOT / "jobs" / "pipeline.py"), *arguments(road, lake)]


def run(words: list[str], **environment: str) -> str:
    """The command's standard output. Asserts that it succeeds."""
    done = subprocess.run(words, capture_output=True, text=True, env={**os.environ, **environment}, check=False)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def by_command(landed: Road) -> Walked:
    """Undisturbed."""
    lake = landed.config.parent / "lake of the command"
    output = run(command(landed, lake))
    return Walked(Lake(lake), output)


def copy_lake(walked: Walked, to: Path, without: tuple[str, ...] = ()) -> Lake:
    """A copy of the lake without these zones."""
    shutil.copytree(walked.lake.url, to, ignore=lambda folder, names: without if folder == walked.lake.url else ())
    return Lake(to)


def everything_in(lake: Lake) -> dict[Path, tuple[int, int]]:
    """Every file and folder with its size and time, also what a listing would hide."""
    return {path: (path.stat().st_size, path.stat().st_mtime_ns) for path in Path(lake.url).rglob("*")}


def test_one_command_walks_from_dirty_files_to_a_model_predictions_and_a_report(
        by_command: Walked, landed: Road) -> None:
    model, predictions = by_command.latest("models/mnist"), by_command.latest("predictions/unlabelled")
    assert [row["epoch"] for row in model.entry.meta["history"]] == [1, 2, 3, 4, 5]
    assert len(model.entry.meta["ranks"]) == 2
    assert predictions.entry.counts["out"] == landed.landing.expected.unlabelled.good == len(by_command.predictions)
    evaluation = by_command.latest("runs/mnist-evaluation").entry
    assert evaluation.counts["rows"] == by_command.latest("features/mnist").entry.counts["splits"]["test"]
    assert evaluation.meta["metrics"]["accuracy"] > evaluation.meta["baselines"]["majority"]
    [report] = [line.partition("report: ")[2] for line in by_command.output.splitlines() if line.startswith("report: ")]
    assert Path(report).stat().st_size > 10_000
    words = [line.split()[0] for line in by_command.output.splitlines() if "@" in line]
    stages = [word for word in words if "/" not in word]  # a hint begins with the dataset
    assert list(dict.fromkeys(stages)) == ["ingest", "clean", "profile", "integrate", "convert", "train", "evaluate",
                                           "predict"]


def test_the_same_command_again_changes_nothing_and_starts_no_java(by_command: Walked, landed: Road,
                                                                   tmp_path: Path) -> None:
    java, called = tmp_path / "bin" / "java", tmp_path / "called"
    java.parent.mkdir()
    java.write_text(f"#!/bin/sh\necho called >> '{called}'\nexit 1\n")
    java.chmod(0o755)
    before = everything_in(by_command.lake)
    output = run(command(landed, Path(by_command.lake.url)), JAVA_HOME=str(tmp_path),
               PATH=f"{java.parent}:{os.environ['PATH']}")
    assert not called.exists()
    assert "nothing changed" in output
    assert everything_in(by_command.lake) == before


def test_a_notebooks_calls_make_the_same_model_and_predictions(by_command: Walked, landed: Road, spark: SparkSession,
                                                               tmp_path: Path) -> None:
    from laketrain import Pipeline
    from laketrain.models.networks import Networks
    from laketrain.train.weight_sync import weights_digest

    lake = copy_lake(by_command, tmp_path / "lake", without=AFTER_CONVERT).url
    pipeline = Pipeline(landed.config, SETS, lake=lake, listener=Quiet(), spark=spark)
    assert list(pipeline.ingest()) == ["pixels", "captures", "unlabelled"]
    pipeline.clean()
    pipeline.integrate()
    dataset = pipeline.convert()
    assert isinstance(dataset, Dataset)
    assert dataset.splits == by_command.latest("features/mnist").entry.counts["splits"]
    model = pipeline.train()
    evaluation = pipeline.evaluate()
    predictions = pipeline.predict()

    walked = Walked(Lake(lake), "")
    assert weights_digest(Networks.of(model)) == walked.weights == by_command.weights
    assert evaluation["metrics"] == by_command.latest("runs/mnist-evaluation").entry.meta["metrics"]
    assert predictions.table == "predictions/unlabelled"
    assert_same_predictions(walked, by_command)
    assert pipeline.table("predictions/unlabelled").count() == len(walked.predictions)
    with pytest.raises(GateError, match=r"accuracy is 0\.\d+, expected >= 1"):
        Pipeline(landed.config, [*SETS, "evaluate.gate.accuracy='>= 1.0'"], lake=lake, listener=Quiet()).evaluate()


def test_a_model_below_its_gate_ends_the_command_with_code_3(by_command: Walked, landed: Road) -> None:
    done = subprocess.run([*command(landed, Path(by_command.lake.url)), "--set", "evaluate.gate.accuracy='>= 1.0'",
                           "--from", "evaluate", "--to", "evaluate"], capture_output=True, text=True, check=False)
    assert done.returncode == 3
    assert "models/mnist@1 on test: accuracy is 0." in done.stderr
    assert "Traceback" not in done.stderr


# ---- faults


class Marked:
    """A command whose process and all that it starts have a mark in their environment, so that none is overlooked."""

    def __init__(self, words: list[str], environment: Mapping[str, str]) -> None:
        self.mark = f"LAKETRAIN_TEST_MARK={uuid.uuid4()}"
        name, _, value = self.mark.partition("=")
        self.process = subprocess.Popen(words, env={**os.environ, **environment, name: value}, stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT, text=True, start_new_session=True)

    def alive(self) -> list[str]:
        """The running processes, each as its id and name, without zombies."""
        running = []
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                if self.mark.encode() in (folder / "environ").read_bytes().split(b"\0"):
                    state = (folder / "stat").read_text().rpartition(")")[2].split()[0]
                    running += [f"{folder.name} {(folder / 'comm').read_text().strip()}"] if state != "Z" else []
            except OSError:
                continue  # it ended while we looked
        return running

    def stop(self) -> None:
        for entry in self.alive():
            os.kill(int(entry.split()[0]), signal.SIGKILL)
        self.process.wait()
        self.process.stdout.close()


@pytest.fixture
def start() -> Iterator[Callable[..., Marked]]:
    """Starts commands, and leaves none of their processes running."""
    started: list[Marked] = []

    def start_marked(words: list[str], **environment: str) -> Marked:
        started.append(Marked(words, environment))
        return started[-1]

    yield start_marked
    for marked in started:
        marked.stop()


def within(seconds: float, happens: Callable[[], Any]) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if happens():
            return True
        time.sleep(0.02)
    return bool(happens())


@pytest.mark.skipif(not Path("/proc").exists(), reason="looks for processes in /proc")
def test_a_killed_spark_submit_leaves_no_process_and_run_again_makes_the_same_model_and_predictions(
        by_command: Walked, landed: Road, start: Callable[..., Marked], tmp_path: Path) -> None:
    lake = copy_lake(by_command, tmp_path / "lake", without=AFTER_CONVERT)
    checkpoints = lake.table("checkpoints", "mnist")
    words = spark_submit(landed, tmp_path / "lake")
    killed = start(words, **SUBMIT_ENVIRONMENT)
    assert within(600, lambda: checkpoints.versions() or killed.process.poll() is not None)
    names = {entry.split()[1] for entry in killed.alive()}
    killed.process.kill()
    assert "java" in names
    assert within(30, lambda: not killed.alive()), killed.alive()
    assert lake.table("models", "mnist").versions() == []

    [done, *_] = [checkpoints.get(number).entry.meta["epochs"] for number in reversed(checkpoints.versions())]
    assert done < 5
    resumed = Walked(lake, run(words, **SUBMIT_ENVIRONMENT))
    assert f"resumes after epoch {done}, from checkpoints/mnist@" in resumed.output
    assert resumed.weights == by_command.weights
    assert_same_predictions(resumed, by_command)
    for table in ("raw/pixels", "clean/pixels", "integrated/digits", "features/mnist", "models/mnist"):
        assert lake.table(*table.split("/")).versions() == [1]


def test_two_runs_at_once_on_one_lake_both_end_well_and_make_everything_once(
        by_command: Walked, landed: Road, start: Callable[..., Marked], tmp_path: Path) -> None:
    """One by the command, one by spark-submit, from the landing zone on."""
    lake = tmp_path / "lake"
    both = [start(command(landed, lake)), start(spark_submit(landed, lake), **SUBMIT_ENVIRONMENT)]
    output = [marked.process.communicate()[0] for marked in both]
    assert [marked.process.returncode for marked in both] == [0, 0], "\n\n".join(output)

    walked = Walked(Lake(tmp_path / "lake"), "")
    assert walked.weights == by_command.weights
    assert_same_predictions(walked, by_command)
    for table in walked.lake.tables():
        versions = [table.get(number) for number in table.versions()]
        assert all(version.exists() for version in versions)
        if table.zone == "checkpoints":  # old ones are dropped
            continue
        assert [version.number for version in versions] == list(range(1, len(versions) + 1)), table.path
        fingerprints = [version.entry.fingerprint for version in versions if version.entry.fingerprint]
        assert len(set(fingerprints)) == len(fingerprints), f"{table.path} was made twice"
