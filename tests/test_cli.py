"""The command line: thin, and every command ends with a code that a scheduler can trust."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from typer.testing import CliRunner

from laketrain.cli import app
from laketrain.doctor import Check
from laketrain.errors import ConfigError, DataError, GateError, LaunchError, Problem, RankError

from .small import BAD_SCANS, ROWS, Small, build_small

ROOT = Path(__file__).parents[1]


@pytest.fixture
def small(finished: Small, tmp_path: Path) -> Small:
    return finished.at(tmp_path / "lake")


def laketrain(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def without_java(folder: Path, *command: object) -> subprocess.CompletedProcess[str]:
    """Runs in a process of its own that fails if it starts Spark."""
    environ = {**os.environ, "JAVA_HOME": str(folder / "none"), "PATH": str(folder)}
    return subprocess.run([sys.executable, *map(str, command)], cwd=folder, env=environ, text=True, capture_output=True,
                          check=False)


# ---- run, and the stages


def test_a_run_without_changes_reports_it_and_needs_no_java(small: Small, tmp_path: Path):
    result = without_java(tmp_path, "-m", "laketrain", "run", small.config, "--lake", small.lake.url)
    assert (result.returncode, result.stderr) == (0, "")
    lines = result.stdout.splitlines()
    assert [line.split()[:3] for line in lines[:2]] == [["ingest", "unchanged", "raw/scans@1"],
                                                        ["ingest", "unchanged", "raw/labels@1"]]
    assert f"{ROWS} in, {ROWS - BAD_SCANS} out, {BAD_SCANS} quarantined" in lines[2]
    assert lines[-2] == "nothing changed"
    report = Path(lines[-1].removeprefix("report: "))
    assert report.name == "report.html"
    assert report.is_file()


@pytest.mark.parametrize("stage", ["ingest", "clean", "integrate", "convert"])
def test_each_stage_is_a_command(small: Small, stage: str):
    result = laketrain(stage, small.config, "--lake", small.lake.url)
    assert result.exit_code == 0
    assert {line.split()[0] for line in result.stdout.splitlines()} == {stage}
    assert "unchanged" in result.stdout


@pytest.mark.parametrize("stage", ["train", "evaluate", "predict"])
def test_a_command_for_a_stage_that_is_not_declared_makes_nothing(small: Small, stage: str):
    before = small.lake.tables()
    result = laketrain(stage, small.config, "--lake", small.lake.url)
    assert (result.exit_code, result.stdout) == (2, "")
    assert f"there is no '{stage}' section" in result.stderr
    assert small.lake.tables() == before


def test_a_job_for_spark_submit_is_the_same_command(small: Small, tmp_path: Path):
    result = without_java(tmp_path, ROOT / "jobs" / "pipeline.py", small.config, "--lake", small.lake.url)
    assert result.returncode == 0, result.stderr
    assert "nothing changed" in result.stdout
    result = without_java(tmp_path, ROOT / "jobs" / "clean.py", small.config, "--lake", small.lake.url,
                          "--set", "a.b=1")
    assert result.returncode == 2
    assert "--set a: unknown key 'a'" in result.stderr


@pytest.mark.parametrize(("options", "message"), [
    (["--from", "claen"], "--from: there is no stage 'claen'. Did you mean 'clean'?"),
    (["--to", "trian"], "--to: there is no stage 'trian'. Did you mean 'train'?"),
    (["--from", "convert", "--to", "clean"], "--from: convert comes after --to clean. Swap them"),
    (["--to", "evaluate"], "there is no 'evaluate' section. Add one"),
])
def test_an_unknown_stage_ends_with_code_2(small: Small, options: list[str], message: str):
    result = laketrain("run", small.config, "--lake", small.lake.url, *options)
    assert (result.exit_code, result.stdout) == (2, "")
    assert message in result.stderr


def test_a_stage_without_its_input_ends_with_code_1_and_the_next_step(tmp_path: Path):
    home = build_small(tmp_path)
    result = laketrain("run", home.config, "--from", "clean")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith("[lake] raw/scans: nothing was committed to it yet. Next: run the stage 'ingest'")


ENDS: list[tuple[Callable[[], BaseException], int, str]] = [
    (lambda: DataError("clean", "table '[red]x[/red]'", "4 of 60 rows were rejected", "look at [bold]it[/bold]"), 1,
     "[clean] table '[red]x[/red]': 4 of 60 rows were rejected. Next: look at [bold]it[/bold]"),
    (lambda: LaunchError("train", "3 ranks", "there are 2 slots"), 1, "[train] 3 ranks: there are 2 slots"),
    (lambda: RankError("train", "rank 1 of 2", "was killed", "see its log", rank=1, log="one\ntwo"), 1,
     "[train] rank 1 of 2: was killed. Next: see its log\n    | one\n    | two"),
    (lambda: ConfigError("a.yaml", [Problem("name", "is missing")]), 2,
     "[config] a.yaml: 1 problem\n  - name: is missing"),
    (lambda: GateError("evaluate", "models/x@1", "accuracy is 0.9000, expected >= 0.95"), 3, "accuracy is 0.9000"),
    (KeyboardInterrupt, 130, "interrupted; run the same command to continue"),
]


@pytest.mark.parametrize(("error", "code", "message"), ENDS, ids=["data", "launch", "rank", "config", "gate", "ctrl-c"])
def test_an_error_ends_with_its_code_its_text_and_no_stack_trace(
        finished: Small, monkeypatch: pytest.MonkeyPatch, error: Callable[[], BaseException], code: int, message: str):
    def fail(*_: Any) -> None:
        raise error()

    monkeypatch.setattr("laketrain.pipeline.Pipeline.run", fail)
    result = laketrain("run", finished.config)
    assert (result.exit_code, result.stdout) == (code, "")
    assert message in result.stderr
    assert "Traceback" not in result.stderr


# ---- check


def test_check_prints_ok_and_the_lake(finished: Small):
    result = laketrain("check", finished.config)
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.splitlines() == [f"{finished.config}: OK", f"lake: {finished.lake.url}"]


def test_check_accepts_set_and_lists_problems(finished: Small):
    result = laketrain("check", finished.config, "--set", "convert.split.by=idd", "--set", "clean.scans.rulez=1")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "--set clean.scans.rulez: unknown key 'rulez'. Did you mean 'rules'?" in result.stderr


# ---- show


def test_show_lists_the_tables(finished: Small):
    result = laketrain("show", "--lake", finished.lake.url)
    assert result.exit_code == 0
    for table in ("raw/scans", "clean/labels", "quarantine/scans", "integrated/digits", "features/small", "runs/small"):
        assert f"{table}@1" in result.stdout


def test_show_prints_a_table_with_its_lineage(finished: Small):
    result = laketrain("show", "features/small", "--lake", finished.lake.url)
    assert result.exit_code == 0
    for ref in ("features/small@1", "integrated/digits@1", "clean/scans@1", "clean/labels@1", "raw/scans@1"):
        assert ref in result.stdout


def test_show_prints_json(finished: Small):
    result = laketrain("show", "--lake", finished.lake.url, "--json")
    tables = {table["table"]: table for table in json.loads(result.stdout)["tables"]}
    assert tables["clean/scans"]["rows"] == ROWS - BAD_SCANS
    version = json.loads(laketrain("show", "clean/scans@1", "--lake", finished.lake.url, "--json").stdout)
    assert (version["ref"], version["counts"]["quarantined"]) == ("clean/scans@1", BAD_SCANS)
    assert [parent["ref"] for parent in version["lineage"]] == ["raw/scans@1"]


def test_show_of_an_empty_lake_succeeds(tmp_path: Path):
    assert laketrain("show", "--lake", tmp_path / "nothing").exit_code == 0
    assert json.loads(laketrain("show", "--lake", tmp_path / "nothing", "--json").stdout)["tables"] == []
    assert not (tmp_path / "nothing").exists()


@pytest.mark.parametrize(("ref", "message"), [
    ("clean/scan", "Did you mean 'clean/scans'?"), ("clean/scans@9", "there is none; the latest is 1"),
    ("claen/scans", "is none of raw, clean"), ("clean", "names no table")])
def test_show_of_an_unknown_table_ends_with_code_1(finished: Small, ref: str, message: str):
    result = laketrain("show", ref, "--lake", finished.lake.url)
    assert (result.exit_code, result.stdout) == (1, "")
    assert message in result.stderr


# ---- gc


def test_gc_lists_and_then_removes_only_abandoned_directories(small: Small):
    draft = small.lake.table("clean", "scans").stage()
    small.lake.store.write(draft.path("part.parquet"), b"x" * 1000)
    before = {table.path: table.versions() for table in small.lake.tables()}
    listed = laketrain("gc", "--lake", small.lake.url)
    assert (listed.exit_code, listed.stdout) == (0, "removed 0 abandoned directories and 0 temporary files, 0.0 MB\n")
    tried = laketrain("gc", "--lake", small.lake.url, "--older-than", 0, "--dry-run")
    assert tried.stdout.splitlines() == [
        f"clean/scans/data/{draft.unique}", "would remove 1 abandoned directories and 0 temporary files, 0.0 MB"]
    assert small.lake.store.exists(draft.path("part.parquet"))
    result = laketrain("gc", "--lake", small.lake.url, "--older-than", 0)
    assert "removed 1 abandoned directories" in result.stdout
    assert not small.lake.store.exists(draft.path("part.parquet"))
    assert {table.path: table.versions() for table in small.lake.tables()} == before
    assert all(table.latest().exists() for table in small.lake.tables())


def test_gc_of_a_negative_age_is_refused(small: Small):
    result = laketrain("gc", "--lake", small.lake.url, "--older-than", -1)
    assert result.exit_code == 2
    assert "--older-than" in result.stderr


@pytest.mark.parametrize("option", ["--older-than", "--keep-days"])
@pytest.mark.parametrize("received", ["1e12", "inf", "nan"])
def test_gc_of_an_age_beyond_pythons_dates_is_refused(small: Small, option: str, received: str):
    result = laketrain("gc", "--lake", small.lake.url, "--keep", 1, "--dry-run", option, received)
    assert (result.exit_code, type(result.exception)) == (2, SystemExit)
    assert option in result.stderr


# ---- doctor and sample


@pytest.mark.parametrize(("results", "code"), [([True, True], 0), ([True, None], 0), ([True, False, True], 1)])
def test_the_doctors_exit_code_is_1_if_a_job_cannot_run(
        monkeypatch: pytest.MonkeyPatch, results: list[bool | None], code: int):
    checks = [Check(f"part {number}", ok, "result", "" if ok else "fix it") for number, ok in enumerate(results)]
    monkeypatch.setattr("laketrain.doctor.run_checks", lambda *_: checks)
    result = laketrain("doctor")
    assert result.exit_code == code
    assert ("fix it" in result.stdout) is (not all(results))


def test_the_doctor_checks_the_lake_and_the_ranks_of_a_workload(finished: Small, monkeypatch: pytest.MonkeyPatch):
    calls: list[Any] = []
    monkeypatch.setattr("laketrain.doctor.run_checks", lambda *arguments: calls.append(arguments) or [])
    assert laketrain("doctor", finished.config).exit_code == 0
    assert laketrain("doctor", "--lake", "somewhere").exit_code == 0
    assert laketrain("doctor", ROOT / "conf" / "mnist.yaml").exit_code == 0
    assert calls == [(finished.lake.url, None), ("somewhere", None), (str(ROOT / "build" / "lake"), 2)]


def test_the_doctor_of_an_invalid_workload_lists_its_problems(finished: Small, tmp_path: Path):
    broken = tmp_path / "broken.yaml"
    broken.write_text(finished.config.read_text().replace("convert:", "convrt:"))
    result = laketrain("doctor", broken)
    assert result.exit_code == 2
    assert "unknown key 'convrt'" in result.stderr


def test_a_sample_is_written_to_its_folder_once(tmp_path: Path):
    for _ in range(2):
        result = laketrain("sample", "mnist", tmp_path / "in")
        assert (result.exit_code, result.stdout) == (0, f"landed 5,000 digits with 336 flaws in {tmp_path / 'in'}\n")
    assert {path.name for path in (tmp_path / "in").iterdir() if path.is_dir()} == {"pixels", "captures", "unlabelled"}


def test_an_unknown_sample_is_refused(tmp_path: Path):
    result = laketrain("sample", "mnits", tmp_path / "in")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "there is no sample 'mnits'. Did you mean 'mnist'?" in result.stderr
    assert not (tmp_path / "in").exists()


def test_without_a_command_the_commands_are_listed():
    result = laketrain()
    assert "Usage" in result.output
    for command in ("run", "check", "show", "gc", "doctor", "sample", "ingest", "predict"):
        assert command in result.output
