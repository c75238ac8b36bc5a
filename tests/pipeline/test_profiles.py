"""A run profiles each clean and integrated table once; a profile that fails is a note."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.road import Quiet
from tests.small import BAD_SCANS, ROWS, Small, build_small
from typer.testing import CliRunner

from laketrain.cli import app
from laketrain.errors import DataError, LakeError
from laketrain.lake import Lake, Version, collect, verify
from laketrain.profile.model import load_profile
from laketrain.report.contents import describe, describe_table

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

TABLES = ["clean/scans", "clean/labels", "integrated/digits"]
PROFILES = ["profiles/clean.labels", "profiles/clean.scans", "profiles/integrated.digits"]

ONE_EACH = {name: [1] for name in PROFILES}


def profiles(lake: Lake) -> dict[str, list[int]]:
    return {table.path: table.versions() for table in lake.tables() if table.zone == "profiles"}


def call(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, list(arguments))
    return result.exit_code, result.output


@pytest.fixture
def small(finished: Small, tmp_path: Path) -> Small:
    """A finished lake of its own over the shared landing zone."""
    return finished.at(tmp_path / "lake")


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> Callable[[Exception], None]:
    def fails(error: Exception) -> None:
        def profile(*_: Any) -> Version:
            raise error

        monkeypatch.setattr("laketrain.profile.stage.profile", profile)

    return fails


def test_each_clean_and_integrated_table_has_a_profile_apart_from_the_stages(finished: Small) -> None:
    assert profiles(finished.lake) == ONE_EACH
    profile = load_profile(finished.lake.version("profiles/integrated.digits"))
    assert (profile.ref, profile.rows) == ("integrated/digits@1", ROWS - BAD_SCANS)
    assert [column.name for column in profile.columns] == ["id", "pixels", "label"]
    report = finished.lake.version("runs/small")
    outcomes = json.loads(finished.lake.store.read(report.path("run.json")))["outcomes"]
    assert "profile" not in {outcome["stage"] for outcome in outcomes}
    assert b"clean/scans@1" in finished.lake.store.read(report.path("report.html"))


def test_an_unchanged_table_keeps_its_profile_without_spark(small: Small) -> None:
    pipeline = small.pipeline()
    pipeline.run()
    assert not pipeline.context.started_spark
    assert [pipeline.profile(table).profile.ref for table in (*TABLES, "scans", "digits", "clean/scans@1")] == [
        "clean/scans@1", "clean/labels@1", "integrated/digits@1", "clean/scans@1", "integrated/digits@1",
        "clean/scans@1"]
    assert not pipeline.context.started_spark
    assert profiles(small.lake) == ONE_EACH


def test_a_changed_table_has_a_new_profile_with_drift(small: Small, spark: SparkSession) -> None:
    small.pipeline(spark, "clean.labels.rules.1={range: {column: label, min: 1, max: 9}}",
                   "clean.labels.max_reject_fraction=0.5").run(last="clean")
    assert profiles(small.lake) == {**ONE_EACH, "profiles/clean.labels": [1, 2]}
    drift = small.pipeline().profile("clean/labels").profile.drift
    assert drift is not None and drift.columns[1].vanished_values == ["0"]


def test_a_workload_without_profiles_makes_none_until_one_is_asked_for(spark: SparkSession, tmp_path: Path) -> None:
    home = build_small(tmp_path)
    pipeline = home.pipeline(spark, "profile=false")
    pipeline.run(last="clean")
    assert profiles(home.lake) == {}
    assert pipeline.profile("clean/scans").column("pixels").kind == "array"
    assert profiles(home.lake) == {"profiles/clean.scans": [1]}
    assert pipeline.profile("clean/scans", force=True).profile.ref == "clean/scans@1"
    assert profiles(home.lake) == {"profiles/clean.scans": [1, 2]}


@pytest.mark.parametrize("error", [DataError("profile", "table clean/scans@1", "broke"), ValueError("broke")])
def test_a_profile_that_fails_is_a_note_and_the_run_continues(
    spark: SparkSession, tmp_path: Path, failing: Callable[[Exception], None], error: Exception
) -> None:
    home = build_small(tmp_path)
    failing(error)
    pipeline = home.pipeline(spark)
    listener = pipeline.listener
    assert isinstance(listener, Quiet)
    notes = listener.notes
    result = pipeline.run(last="clean")
    assert [outcome.version.ref for outcome in result.outcomes][2:] == ["clean/scans@1", "clean/labels@1"]
    assert [note.partition(":")[0] for note in notes] == ["no profile of clean/scans@1", "no profile of clean/labels@1"]
    assert all("broke" in note for note in notes)
    assert result.report is not None
    assert b"has no profile" in home.lake.store.read(result.report.path("report.html"))
    with pytest.raises(type(error), match="broke"):
        pipeline.profile("clean/scans")


def test_the_next_run_makes_the_profile_that_failed(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = build_small(tmp_path)
    with monkeypatch.context() as broken:
        broken.setattr("laketrain.profile.stage._compute", lambda *_: 1 / 0)
        home.pipeline(spark).run(last="clean")
    assert profiles(home.lake) == {}
    home.pipeline(spark).run(last="clean")
    assert profiles(home.lake) == {"profiles/clean.labels": [1], "profiles/clean.scans": [1]}


def test_a_table_without_profiles_is_refused_with_the_zones_that_have_them(small: Small) -> None:
    with pytest.raises(LakeError, match=r"raw/scans@1: has no profile. Next: name a table of clean/ or integrated/"):
        small.pipeline().profile("raw/scans")


def test_a_lake_with_profiles_is_shown_verified_and_collected_as_before(small: Small) -> None:
    shown = {table["table"]: table for table in describe(small.lake)["tables"]}
    assert [name for name in shown if name.startswith("profiles/")] == PROFILES
    assert shown["profiles/clean.scans"]["problem"] is None
    description = describe_table(small.lake, "profiles/clean.scans@1")
    assert [parent["ref"] for parent in description["lineage"]] == ["clean/scans@1"]
    assert description["figures"] == {"columns": 2, "warnings": 1}
    assert verify(small.lake.version("profiles/clean.scans")) == []
    assert collect(small.lake, timedelta(0)).data == ()
    assert profiles(small.lake) == ONE_EACH


def test_the_command_prints_all_tables_or_one_and_writes_its_page(small: Small, tmp_path: Path) -> None:
    where = [str(small.config), "--lake", small.lake.url]
    code, output = call("profile", *where)
    assert code == 0 and [table for table in TABLES if f"{table}@1: " in output] == TABLES
    page = tmp_path / "page.html"
    code, output = call("profile", *where[:1], "digits", *where[1:], "--html", str(page))
    assert code == 0 and "integrated/digits@1" in output and "clean/scans@1:" not in output
    assert f"written: {page}" in output
    assert "integrated/digits@1" in page.read_text("utf-8")
    code, output = call("profile", *where[:1], "clean/labels", *where[1:], "--json")
    assert code == 0 and json.loads(output)["columns"][1]["name"] == "label"
    code, output = call("profile", *where, "--json")
    assert code == 0 and [profile["table"] for profile in json.loads(output)] == TABLES
    code, output = call("profile", *where, "--html", str(page))
    assert code == 2 and "no table is named" in output
    code, output = call("profile", *where[:1], "clean/scan", *where[1:])
    assert code == 1 and "Did you mean 'clean/scans'?" in output
