"""A workload of sixty 2×2 images, for tests of the road's machinery: CSV scans and labels to a dataset in seconds.

    home = build_small(tmp_path)
    home.pipeline(spark).run()
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from laketrain.lake import Lake

from .road import Quiet
from .tables import csv_of

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from laketrain.pipeline import Pipeline

ROWS = 60
CONFIG = """\
name: small
lake: lake
variables: {day: monday}
spark: {master: "local[2]"}
sources:
  scans: {format: csv, path: landing/scans/*.csv, schema: {id: string, pixels: string}, options: {header: true}}
  labels: {format: csv, path: "landing/labels/${day}.csv", schema: {id: string, label: string}, options: {header: true}}
clean:
  scans:
    max_reject_fraction: 0.2
    rules:
      - not_null: {columns: [id, pixels]}
      - parse: {column: pixels, as: array<int>}
      - range: {column: pixels, min: 0, max: 255}
  labels:
    rules:
      - cast: {column: label, to: int}
      - range: {column: label, min: 0, max: 9}
integrate:
  digits:
    table: scans
    steps:
      - join: {table: labels, on: [id], relation: one-to-one, unmatched: {left: quarantine, right: quarantine}}
convert:
  table: digits
  features:
    image: {kind: image, column: pixels, shape: [2, 2, 1]}
    label: {kind: label, classes: 3}
    id: {kind: key}
  split: {by: id, fractions: {train: 0.6, val: 0.2, test: 0.2}}
"""
BAD_SCANS = 4


@dataclass(frozen=True)
class Small:
    """The config, and the lake that it or `at` names."""

    config: Path
    lake: Lake

    @property
    def landing(self) -> Path:
        return self.config.parent / "landing"

    def pipeline(self, spark: SparkSession | None = None, *sets: str) -> Pipeline:
        from laketrain.pipeline import Pipeline

        return Pipeline(self.config, sets, lake=self.lake.url, listener=Quiet(), spark=spark)

    def at(self, lake: Path) -> Small:
        """The same over a copy of the lake, to be changed at will."""
        shutil.copytree(self.lake.url, lake)
        return replace(self, lake=Lake(str(lake)))


def build_small(folder: Path, rows: int = ROWS) -> Small:
    """Writes config and landing zone into `folder`. Four scans have a pixel of 256, one label has no scan."""
    scans = [{"id": f"n{n}", "pixels": f"{n} {n} {n} {256 if n < BAD_SCANS else 255}"} for n in range(rows)]
    labels = [{"id": f"n{n}", "label": str(n % 3)} for n in range(rows + 1)]
    write(folder / "landing" / "scans" / "one.csv", scans[::2])
    write(folder / "landing" / "scans" / "two.csv", scans[1::2])
    write(folder / "landing" / "labels" / "monday.csv", labels)
    (folder / "small.yaml").write_text(CONFIG, "utf-8")
    return Small(folder / "small.yaml", Lake(str(folder / "lake")))


def write(path: Path, rows: Sequence[dict[str, str]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(csv_of(rows), "utf-8")
