"""Fits at the same time, as tuning makes them, are independent. CrossValidator itself: test_docs.py."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.ml.frames import estimator_for, frame_of, rows_of

from laketrain.ml.slot_lock import slot_lock

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.slow


def test_two_concurrent_fits_are_independent(spark: SparkSession, tmp_path: Path) -> None:
    """Two ranks each, of the two slots that there are: the second waits for the first."""
    frame, fitted = frame_of(spark, rows_of(60)), []

    def fit(seed: int) -> None:
        fitted.append(estimator_for(tmp_path, epochs=1, ranks=2, seed=seed).fit(frame))

    threads = [threading.Thread(target=fit, args=(seed,)) for seed in (1, 2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(model.ref for model in fitted) == ["models/ml@1", "models/ml@2"]
    assert {model.version.entry.meta["config"]["seed"] for model in fitted} == {1, 2}
    assert spark.conf.get("spark.sql.ansi.enabled") == spark.newSession().conf.get("spark.sql.ansi.enabled")


def test_concurrent_fits_never_take_more_slots_than_spark_has(spark: SparkSession) -> None:
    sc, held, most, lock = spark.sparkContext, [0], [0], threading.Lock()

    def hold(ranks: int) -> None:
        with slot_lock(sc, ranks):
            with lock:
                held[0] += ranks
                most[0] = max(most[0], held[0])
            time.sleep(0.05)
            with lock:
                held[0] -= ranks

    threads = [threading.Thread(target=hold, args=(ranks,)) for ranks in (1, 2, 1, 1, 2, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (held, most) == ([0], [2])


def test_more_ranks_than_slots_start_at_once(spark: SparkSession) -> None:
    """The launch reports what is wrong with them."""
    with slot_lock(spark.sparkContext, 5):
        pass
