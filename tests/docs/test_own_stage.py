"""The page on a stage of your own: its code runs as written."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.road import Quiet
from tests.tables import rows_of

from laketrain import Pipeline
from laketrain.errors import ConfigError
from laketrain.stages import STAGES
from laketrain.workload import Workload

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

PAGE = (Path(__file__).parents[2] / "docs" / "how-to" / "own-stage.md").read_text("utf-8")
STAGE, REJECTING = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
[SECTION] = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
PLUGIN = "text_lengths"


@pytest.fixture
def config(trips: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The first workload with the page's YAML. Its plugin is imported again, and other tests don't see its stage."""
    monkeypatch.syspath_prepend(str(trips))
    monkeypatch.setattr(STAGES, "_parts", dict(STAGES._parts))
    path = trips / "trips.yaml"
    path.write_text(path.read_text("utf-8") + SECTION, "utf-8")
    yield path
    sys.modules.pop(PLUGIN, None)


def write_plugin(config: Path, *snippets: str) -> None:
    (config.parent / f"{PLUGIN}.py").write_text("\n\n".join(snippets), "utf-8")


def test_the_section_is_checked(config: Path) -> None:
    write_plugin(config, STAGE)
    assert Workload.load(config).plugins == [PLUGIN]
    with pytest.raises(ConfigError, match="there is no table 'trip'. Did you mean 'trips'?"):
        Workload.load(config, ["lengths.table=trip"])


@pytest.mark.slow
def test_the_stage_makes_its_table_once(spark: SparkSession, config: Path) -> None:
    write_plugin(config, STAGE)
    pipeline = Pipeline(config, spark=spark, listener=Quiet())
    pipeline.run(last="lengths")
    rows = rows_of(pipeline.version("lengths/trips"))
    assert {row["station"]: row["length"] for row in rows} == {"harbour": 7, "museum": 6, "campus": 6, "park": 4}
    assert len(rows) == pipeline.version("clean/trips").rows
    assert not Pipeline(config, spark=spark, listener=Quiet()).run(last="lengths").changed


@pytest.mark.slow
def test_rejected_rows_are_in_the_quarantine_on_the_page(spark: SparkSession, config: Path) -> None:
    write_plugin(config, STAGE, REJECTING)
    pipeline = Pipeline(config, ["lengths.longest=6"], spark=spark, listener=Quiet())
    pipeline.run(last="lengths")
    [quarantine] = re.findall(r"`(quarantine/[\w-]+)`", PAGE)
    rejected = rows_of(pipeline.version(quarantine))
    assert {(row["record"], row["reason"]) for row in rejected} == {("harbour", "has 7 characters")}
    assert pipeline.version("lengths/trips").rows + len(rejected) == pipeline.version("clean/trips").rows
