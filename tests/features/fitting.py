"""Features as in a workload, fitted to columns.

    fitted(parse(kind="number"), pa.array([1.0, 2.0])).tensor(pa.array([3.0]))
"""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from laketrain.features import FeatureSet
from laketrain.features.tally import Tally, merge


def parse(**settings: Any) -> Any:
    """The feature of column `x` with these settings."""
    return FeatureSet.model_validate({"x": {"column": "x", **settings}})["x"]


def fitted(feature: Any, *columns: pa.Array) -> Any:
    """The feature with the statistics of these parts of the train split."""
    totals: Tally = {}
    for column in columns:
        merge(totals, feature.tally(column))
    return feature.fit(totals)
