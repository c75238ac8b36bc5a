"""A small workload from landing zone to predictions, on whatever lake, and what it left there, to be compared.

    walk = build_walk(tmp_path)
    walk.run(spark)
    walk.on("hdfs://namenode/lake").run(spark)
    assert walk.on("hdfs://namenode/lake").left == walk.left
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from laketrain.lake import Lake, Version

from ..small import Small, build_small
from ..tables import rows_of

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from laketrain.stages import Outcome

TRAINING = """\
train:
  model: {name: linear}
  epochs: 2
  batch: 16
  optimizer: {name: sgd, learning_rate: 0.1}
  ranks: 2
  seed: 3
evaluate:
  split: test
predict:
  table: scans
"""
TABLES = ("clean/scans", "clean/labels", "quarantine/scans", "integrated/digits", "predictions/scans")


@dataclass(frozen=True)
class Walk:
    """The workload's config, and the lake that it walks to."""

    small: Small

    @property
    def config(self) -> Path:
        return self.small.config

    @property
    def lake(self) -> Lake:
        return self.small.lake

    def on(self, lake: str) -> Walk:
        """The same workload over another lake."""
        return Walk(replace(self.small, lake=Lake(lake)))

    def run(self, spark: SparkSession, *sets: str) -> list[Outcome]:
        """All stages, in this process."""
        return list(self.small.pipeline(spark, *sets).run().outcomes)

    def latest(self, table: str) -> Version:
        result = self.lake.table(*table.split("/")).latest()
        assert result is not None, table
        return result

    @property
    def left(self) -> dict[str, Any]:
        """All that a run leaves in its tables, without what tells when, where and by whom."""
        tables = {table: _comparable(rows_of(self.latest(table))) for table in TABLES}
        dataset, model = self.latest("features/small"), self.latest("models/small")
        return {**tables, "splits": dataset.entry.counts["splits"], "features": dataset.entry.meta["features"],
                "rows": _comparable(rows_of(dataset)), "weights": model.entry.meta["weights"],
                "ranks": len(model.entry.meta["ranks"]),
                "metrics": self.latest("runs/small-evaluation").entry.meta["metrics"]}


def build_walk(folder: Path) -> Walk:
    """Writes config and landing zone into `folder`. Its paths are whole: a container has a copy of it."""
    small = build_small(folder)
    text = small.config.read_text("utf-8").replace("landing/", f"{small.landing}/")
    small.config.write_text(text + TRAINING, "utf-8")
    return Walk(small)


def _comparable(rows: list[dict[str, Any]]) -> list[str]:
    """The rows as text, in an order that does not depend on files. Where a row was read from is another lake's path."""
    return sorted(repr({name: value for name, value in row.items() if name != "file"}) for row in rows)
