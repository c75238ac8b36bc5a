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


def test_the_script_writes_the_lines_on_the_page(trips: Path) -> None:
    head = "".join((trips / "landing" / "trips.csv").open().readlines()[:4])
    assert f"```text\n{head}```" in PAGE


@pytest.mark.slow
def test_the_dataset_has_the_rows_on_the_page(spark: SparkSession, trips: Path) -> None:
    pipeline = Pipeline(trips / "trips.yaml", spark=spark)
    pipeline.ingest()
    pipeline.clean()
    splits = pipeline.convert().splits
    counts = ", ".join(f"{split} {rows:,}" for split, rows in splits.items())
    assert re.search(rf"features/trips@1 .*, {re.escape(counts)}$", PAGE, re.MULTILINE)
    for row in pipeline.table("quarantine/trips").select("rule", "reason").collect():
        assert row["rule"] in PAGE and row["reason"] in PAGE
