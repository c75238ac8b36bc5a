"""The first workload of the docs: its code runs as written and prints the numbers on the page."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from laketrain import Pipeline

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

PAGE = (Path(__file__).parents[2] / "docs" / "get-started" / "first-workload.md").read_text("utf-8")
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", PAGE, re.DOTALL)
SCRIPT, *_ = (text for language, text in BLOCKS if language == "python")
[WORKLOAD] = (text for language, text in BLOCKS if language == "yaml")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the page's two files, after the script has run."""
    monkeypatch.chdir(tmp_path)
    exec(compile(SCRIPT, "make_trips.py", "exec"), {"__name__": "__main__"})
    (tmp_path / "trips.yaml").write_text(WORKLOAD)
    return tmp_path


def test_the_script_writes_the_lines_on_the_page(folder: Path) -> None:
    head = "".join((folder / "landing" / "trips.csv").open().readlines()[:4])
    assert f"```text\n{head}```" in PAGE


@pytest.mark.slow
def test_the_dataset_has_the_rows_on_the_page(spark: SparkSession, folder: Path) -> None:
    pipeline = Pipeline(folder / "trips.yaml", spark=spark)
    pipeline.ingest()
    pipeline.clean()
    splits = pipeline.convert().splits
    counts = ", ".join(f"{split} {rows:,}" for split, rows in splits.items())
    assert re.search(rf"features/trips@1 .*, {re.escape(counts)}$", PAGE, re.MULTILINE)
    for row in pipeline.table("quarantine/trips").select("rule", "reason").collect():
        assert row["rule"] in PAGE and row["reason"] in PAGE
