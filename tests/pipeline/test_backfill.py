"""One command makes the days that a schedule missed, and continues where it ended."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.road import Quiet
from tests.tables import rows_of
from typer.testing import CliRunner

from laketrain.cli import app
from laketrain.errors import ConfigError, DataError
from laketrain.lake import Lake
from laketrain.pipeline.backfill import backfill

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.slow
DAYS = ["2026-11-01", "2026-11-02", "2026-11-03"]
CONFIG = """\
name: sales
lake: lake
spark: {master: "local[2]"}
profile: false
sources:
  sales: {format: csv, path: "landing/${date:%Y/%m}/sales-${date}.csv", options: {header: true},
          schema: {id: int, price: int}}
clean:
  sales:
    rules:
      - range: {column: price, min: 0}
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    landing = tmp_path / "landing" / "2026" / "11"
    landing.mkdir(parents=True)
    for price, day in enumerate(DAYS):
        (landing / f"sales-{day}.csv").write_text(f"id,price\n1,{price}\n2,{price + 10}\n")
    (tmp_path / "sales.yaml").write_text(CONFIG)
    return tmp_path / "sales.yaml"


def run(config: Path, days: list[str], **options: Any) -> list[str]:
    """What became of each day, in a word."""
    done = backfill(config, days, listener=Quiet(), **options)
    assert [day.date for day in done] == days
    return ["failed" if day.failure else "-" if day.result is None else "made" if day.result.changed else "same"
            for day in done]


def prices(config: Path) -> list[list[int]]:
    """Of each version of the clean table."""
    table = Lake(config.parent / "lake").table("clean", "sales")
    return [sorted(row["price"] for row in rows_of(table.get(number))) for number in table.versions()]


def test_each_day_is_a_run_with_its_date_and_a_rerun_changes_nothing(spark: SparkSession, config: Path) -> None:
    assert run(config, DAYS[:2]) == ["made", "made"]
    assert run(config, DAYS) == ["same", "same", "made"]
    assert prices(config) == [[0, 10], [1, 11], [2, 12]]


def test_a_failed_day_ends_the_backfill_and_the_same_command_continues_there(spark: SparkSession, config: Path) -> None:
    late = config.parent / "landing" / "2026" / "11" / f"sales-{DAYS[1]}.csv"
    content = late.read_text()
    late.unlink()
    assert run(config, DAYS) == ["made", "failed", "-"]
    late.write_text(content)
    assert run(config, DAYS) == ["same", "made", "made"]
    assert prices(config) == [[0, 10], [1, 11], [2, 12]]


def test_the_command_line_prints_the_result_of_the_days(spark: SparkSession, config: Path) -> None:
    (config.parent / "landing" / "2026" / "11" / f"sales-{DAYS[2]}.csv").unlink()
    command = ["run", str(config), "--dates", f"{DAYS[0]}..{DAYS[2]}", "--to", "clean"]
    done = CliRunner().invoke(app, command)
    assert done.exit_code == DataError.exit_code
    assert f"{DAYS[1]}  (2 of 3)" in done.output
    assert f"2 days made, 0 unchanged; {DAYS[2]} failed, 0 not started" in done.output


def test_a_config_that_does_not_use_the_date_is_refused(config: Path) -> None:
    config.write_text(CONFIG.replace("${date:%Y/%m}/sales-${date}", "all"))
    with pytest.raises(ConfigError, match=r"no text in the file uses \$\{date\}"):
        backfill(config, DAYS)


def test_a_mistake_in_the_config_is_reported_before_any_day_is_run(config: Path) -> None:
    config.write_text(CONFIG.replace("min: 0", "minimum: 0"))
    with pytest.raises(ConfigError, match="Did you mean 'min'"):
        backfill(config, DAYS)
    assert not (config.parent / "lake").exists()
