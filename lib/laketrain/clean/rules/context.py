"""The state of one table while its rules run: persisted frames, and what rules record for the version's entry.

    with RuleContext() as context:
        frame = context.checkpoint(frame)
        context.fitted.append({"rule": "outliers(x)", ...})

A rule that computes statistics reads the rows more than once, so it makes a checkpoint first.
"""

from __future__ import annotations

from typing import Any

from pyspark.sql import Column
from pyspark.sql import functions as F

from laketrain.clean.reading.base import FILE
from laketrain.spark.persistence import PersistedFrames


class RuleContext(PersistedFrames):
    """What rules share and record in addition to the frame.

    fitted: statistics, for the version's `meta`. imputed: the number of filled values by rule, for its counts. file:
    the row's file, masked for use in reasons.
    """

    def __init__(self, file: Column | None = None) -> None:
        super().__init__()
        self.file = F.col(FILE) if file is None else file
        self.fitted: list[dict[str, Any]] = []
        self.imputed: dict[str, int] = {}
