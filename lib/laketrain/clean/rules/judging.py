"""One table under its rules: which frames are kept meanwhile, and what the rules have to say afterwards.

    with Judging() as judging:
        frame = judging.checkpoint(frame)
        judging.fitted.append({"rule": "outliers(x)", ...})

A rule that learns from the rows reads them more than once: it keeps them first.
"""

from __future__ import annotations

from typing import Any

from pyspark.sql import Column
from pyspark.sql import functions as F

from laketrain.clean.reading.base import FILE
from laketrain.spark.persistence import PersistedFrames


class Judging(PersistedFrames):
    """What happens beside the frame.

    fitted: what rules learnt, for the version's `meta`. imputed: filled cells by rule, for its counts. file: a row's
    file as a reason may name it.
    """

    def __init__(self, file: Column | None = None) -> None:
        super().__init__()
        self.file = F.col(FILE) if file is None else file
        self.fitted: list[dict[str, Any]] = []
        self.imputed: dict[str, int] = {}
