"""Means and quantiles are exact and don't depend on the partitioning."""

from __future__ import annotations

import math
import random
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from .cases import Case

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def test_means_do_not_depend_on_the_partitioning(spark: SparkSession):
    """Sums of doubles would: adding 1e16 first loses the small ones."""
    values = [1e16, 1.0, -1e16, 3.0, 0.1, 7e-9] * 40
    seen = set()
    for parts in (1, 3, 7):
        random.Random(parts).shuffle(values)
        frame = Case([], "x double", [(value,) for value in values]).frame(spark).repartition(parts)
        from laketrain.clean.rules.group_stats import means

        [row] = means(frame, [], ["x"], "mean").collect()
        seen.add(row["mean0"])
    [mean] = seen
    assert mean == pytest.approx(math.fsum(values) / len(values), abs=1e16 * 1e-16)


@settings(max_examples=8, deadline=None, derandomize=True,
          suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(st.lists(st.sampled_from([0.0, 1.0, 2.5, -7.0, 1e300, 1e-300, -1e300]) | st.floats(-1e6, 1e6), min_size=1,
                max_size=30), st.floats(0, 1))
def test_quantiles_are_those_of_numpy(spark: SparkSession, values: list[float], fraction: float):
    from laketrain.clean.rules.group_stats import finite, quantiles

    frame = Case([], "x double", [(value,) for value in values]).frame(spark).repartition(3)
    [row] = quantiles(frame, [], [finite("x")], {"q": fraction}).collect()
    assert row["q0"] == pytest.approx(np.quantile(values, fraction), rel=1e-12, abs=1e-12 * max(map(abs, values)))
