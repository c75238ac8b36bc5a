"""The page on a stage of your own: its code runs as written."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.small import BAD_SCANS, CONFIG, ROWS, Small, build_small
from tests.tables import rows_of

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
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Small]:
    """The small workload with the page's YAML. Its plugin is imported again, and other tests don't see its stage."""
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(STAGES, "_parts", dict(STAGES._parts))
    home = build_small(tmp_path)
    home.config.write_text(CONFIG + SECTION, "utf-8")
    yield home
    sys.modules.pop(PLUGIN, None)


def write_plugin(home: Small, *snippets: str) -> None:
    (home.config.parent / f"{PLUGIN}.py").write_text("\n\n".join(snippets), "utf-8")


def test_the_section_is_checked(home: Small) -> None:
    write_plugin(home, STAGE)
    assert Workload.load(home.config).plugins == [PLUGIN]
    with pytest.raises(ConfigError, match="there is no table 'digit'. Did you mean 'digits'?"):
        Workload.load(home.config, ["lengths.table=digit"])


@pytest.mark.slow
def test_the_stage_makes_its_table_once(spark: SparkSession, home: Small) -> None:
    write_plugin(home, STAGE)
    home.pipeline(spark).run(last="lengths")
    lengths = home.pipeline(spark).version("lengths/digits")
    assert [row["length"] for row in rows_of(lengths)] == [len(row["id"]) for row in rows_of(lengths)]
    assert lengths.rows == ROWS - BAD_SCANS
    assert not home.pipeline(spark).run(last="lengths").changed


@pytest.mark.slow
def test_rejected_rows_are_in_the_quarantine_on_the_page(spark: SparkSession, home: Small) -> None:
    write_plugin(home, STAGE, REJECTING)
    pipeline = home.pipeline(spark, "lengths.longest=2")
    pipeline.run(last="lengths")
    [quarantine] = re.findall(r"`(quarantine/[\w-]+)`", PAGE)
    rejected = rows_of(pipeline.version(quarantine))
    assert {row["reason"] for row in rejected} == {"has 3 characters"}
    assert pipeline.version("lengths/digits").rows + len(rejected) == ROWS - BAD_SCANS
