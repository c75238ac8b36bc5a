"""CrossValidator tunes the estimator, in two threads at once; each fold's rows are converted once."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.ml.frames import estimator_for, frame_of, rows_of

from laketrain.lake import Lake
from laketrain.ml import KerasModel
from laketrain.ml.slot_lock import slot_lock

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.slow


def test_cross_validation_finds_the_better_rate(spark: SparkSession, tmp_path: Path) -> None:
    from pyspark.ml.evaluation import MulticlassClassificationEvaluator
    from pyspark.ml.tuning import CrossValidator, CrossValidatorModel, ParamGridBuilder

    estimator = estimator_for(tmp_path / "lake", epochs=4)
    grid = ParamGridBuilder().addGrid(estimator.learningRate, [1e-6, 0.01]).build()
    validator = CrossValidator(estimator=estimator, estimatorParamMaps=grid, numFolds=2, parallelism=2, seed=3,
                               evaluator=MulticlassClassificationEvaluator(metricName="accuracy"))
    tuned = validator.fit(frame_of(spark, rows_of(120)))

    worse, better = tuned.avgMetrics
    assert worse < 0.6 and better > 0.75
    best = tuned.bestModel
    assert isinstance(best, KerasModel)
    assert best.version.entry.meta["config"]["optimizer"]["learning_rate"] == 0.01
    lake = Lake(tmp_path / "lake")
    # A dataset a fold and one of all rows; a model a fold and rate and the best one.
    assert lake.table("features", "ml").versions() == [1, 2, 3]
    assert lake.table("models", "ml").versions() == [1, 2, 3, 4, 5]
    made = {lake.table("models", "ml").get(number).entry.parents["features/ml"] for number in range(1, 6)}
    assert made == {1, 2, 3}

    tuned.save(str(tmp_path / "tuned"))
    loaded = CrossValidatorModel.load(str(tmp_path / "tuned")).bestModel
    assert isinstance(loaded, KerasModel) and loaded.ref == best.ref


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
    """The launch says what is wrong with them."""
    with slot_lock(spark.sparkContext, 5):
        pass
