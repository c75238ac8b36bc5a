"""What a benchmark is told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Options:
    """How to measure.

    Attributes:
        folder: an empty directory, removed afterwards.
        pairs: measured rounds, in each of which every side has its turn.
        cores: that every side may use: Spark's slots, TensorFlow's threads.
        rows: of the data, or None for the benchmark's own number.
        tell: shows what is being done.
    """

    folder: Path
    pairs: int
    cores: int
    rows: int | None
    tell: Callable[[str], None]

    def title(self, rows: int | None = None, what: str = "images of 32×32×3 random bytes") -> str:
        """What is measured on, for the table."""
        data = f"{rows:,} {what}, " if rows else ""
        return f"{data}{self.cores} cores, {self.pairs} rounds"
