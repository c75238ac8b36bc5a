"""A stage in a module outside the package, registered once, does all that laketrain's own stages do."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.small import BAD_SCANS, CONFIG, ROWS, Small, build_small
from tests.tables import rows_of
from typer.testing import CliRunner

from laketrain.cli import app
from laketrain.deploy.schedule import airflow_dag
from laketrain.errors import ConfigError
from laketrain.lake import Lake, collect
from laketrain.pipeline.stages import in_order
from laketrain.stages import STAGES
from laketrain.workload import Workload

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

PLUGIN = "own_stage"
SECTION = """
plugins: [own_stage]
lengths: {table: digits, column: id, longest: 2}
"""
LONG = ROWS - 10


@pytest.fixture(autouse=True)
def _isolated(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The plugin can be imported, and other tests don't see its stage."""
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    monkeypatch.setattr(STAGES, "_parts", dict(STAGES._parts))
    yield
    sys.modules.pop(PLUGIN, None)


def build(folder: Path, section: str = SECTION) -> Small:
    home = build_small(folder)
    home.config.write_text(CONFIG + section, "utf-8")
    return home


def laketrain(*arguments: str) -> tuple[int, str]:
    done = CliRunner().invoke(app, list(arguments))
    return done.exit_code, done.output


def test_an_own_stage_runs_is_skipped_reported_and_listed(spark: SparkSession, tmp_path: Path) -> None:
    home = build(tmp_path)
    pipeline = home.pipeline(spark)
    result = pipeline.run()
    assert [outcome.version.ref for outcome in result.outcomes][-3:] == [
        "integrated/digits@1", "lengths/digits@1", "features/small@1"]
    made = pipeline.version("lengths/digits")
    assert made.entry.parents == {"integrated/digits": 1}
    assert {row["length"] for row in rows_of(made)} == {2}
    assert pipeline.table("quarantine/digits-lengths").count() == LONG

    again = home.pipeline().run()
    assert not again.changed
    assert "lengths/digits@1" in [outcome.version.ref for outcome in again.outcomes]

    changed = home.pipeline(spark, "lengths.longest=3")
    assert changed.stage("lengths")["digits"].rows == ROWS - BAD_SCANS
    assert changed.run().changed is False

    assert result.report is not None
    page = home.lake.store.read(result.report.path("report.html")).decode()
    assert "lengths/digits@1" in page and "quarantine/digits-lengths@1" in page and "is too long" in page
    assert page.index("integrated/digits@1 ") < page.index("lengths/digits@1 ") < page.index("features/small@1 ")

    code, output = laketrain("show", "--lake", home.lake.url)
    assert code == 0 and "lengths/digits@2" in output and "quarantine/digits-lengths" in output
    code, output = laketrain("show", "lengths/digits", "--lake", home.lake.url)
    assert code == 0 and "integrated/digits@1" in output
    assert collect(home.lake, timedelta(0)).data == ()


def test_its_verb_runs_it_alone_and_from_and_to_name_it(spark: SparkSession, tmp_path: Path) -> None:
    home = build(tmp_path)
    where = [str(home.config), "--lake", home.lake.url]
    code, output = laketrain("stage", "lengths", *where)
    assert code == 1 and "run the stage 'integrate' first" in output
    code, output = laketrain("run", *where, "--to", "lengths")
    assert code == 0 and "lengths/digits@1" in output and "features/small" not in output
    code, output = laketrain("stage", "lengths", *where, "--force")
    assert code == 0 and "lengths/digits@2" in output


def test_a_lake_with_its_tables_is_read_without_it(spark: SparkSession, tmp_path: Path) -> None:
    home = build(tmp_path)
    home.pipeline(spark).run(last="lengths")
    del STAGES._parts["lengths"]  # type: ignore[attr-defined]
    lake = Lake(home.lake.url)
    assert lake.version("lengths/digits").number == 1
    assert "lengths/digits" in [table.path for table in lake.tables()]


def test_its_section_is_checked_like_any_other(tmp_path: Path) -> None:
    home = build(tmp_path, "plugins: [own_stage]\nlengths: {table: digits, colum: id}\n")
    with pytest.raises(ConfigError) as caught:
        Workload.load(home.config)
    assert "line 32, lengths.colum: unknown key 'colum'. Did you mean 'column'?" in str(caught.value)
    assert len(caught.value.problems) == 2  # and `column` is missing
    home.config.write_text(CONFIG + SECTION.replace("digits", "digit"), "utf-8")
    with pytest.raises(ConfigError, match="line 33, lengths.table: there is no table 'digit'. Did you mean 'digits'?"):
        Workload.load(home.config)


def test_a_key_that_is_nearly_its_section_gets_its_name(tmp_path: Path) -> None:
    home = build(tmp_path, "plugins: [own_stage]\nlenghts: {table: digits, column: id}\n")
    with pytest.raises(ConfigError, match="unknown key 'lenghts'. Did you mean 'lengths'"):
        Workload.load(home.config)


def test_a_plugin_that_is_missing_is_a_problem_of_the_config(tmp_path: Path) -> None:
    home = build(tmp_path, "plugins: [no_such_plugin]\nlengths: {table: digits, column: id}\n")
    with pytest.raises(ConfigError, match=r"plugins\.0: the import of 'no_such_plugin' fails: ModuleNotFoundError"):
        Workload.load(home.config)


def test_it_follows_the_stage_that_it_names(tmp_path: Path) -> None:
    workload = Workload.load(build(tmp_path).config)
    assert [stage.name for stage in in_order()][1:5] == ["clean", "integrate", "lengths", "convert"]
    dag = airflow_dag(workload, "@daily")
    assert "'integrate', 'lengths', 'convert'" in dag
    assert "'stage', '{stage}'" in dag


def test_a_stage_that_follows_none_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Workload.load(build(tmp_path).config)
    monkeypatch.setattr(type(STAGES["lengths"]), "after", "intgrate")
    with pytest.raises(ConfigError, match="stage 'lengths': follows 'intgrate', which is not a stage. Did you mean"):
        in_order()
