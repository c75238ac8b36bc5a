"""The options of a benchmark."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Options:
    """How to measure.

    Attributes:
        folder: an empty directory that is removed afterwards.
        pairs: measured rounds; every side has one turn in each.
        cores: for every side: Spark's slots, TensorFlow's threads.
        rows: of the data, or None for the benchmark's default.
        report: shows the current step.
    """

    folder: Path
    pairs: int
    cores: int
    rows: int | None
    report: Callable[[str], None]

    def title(self, rows: int | None = None, what: str = "images of 32×32×3 random bytes") -> str:
        """The data and the machine, for the table."""
        data = f"{rows:,} {what}, " if rows else ""
        return f"{data}{self.cores} cores, {self.pairs} rounds"
