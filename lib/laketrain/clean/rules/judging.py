"""One table under its rules: which frames are kept meanwhile, and what the rules have to say afterwards.

    with Judging() as judging:
        frame = judging.keep(frame)
        judging.fitted.append({"rule": "outliers(x)", ...})

A rule that learns from the rows reads them more than once: it keeps them first.
"""

from __future__ import annotations

from typing import Any

from laketrain.spark.kept import Kept


class Judging(Kept):
    """What happens beside the frame.

    fitted: what rules learnt, for the version's `meta`. imputed: filled cells by rule, for its counts.
    """

    def __init__(self) -> None:
        super().__init__()
        self.fitted: list[dict[str, Any]] = []
        self.imputed: dict[str, int] = {}
