"""Only the moving statistics of batch normalisation are averaged over the ranks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from laketrain.distributed import World, average_moving_statistics, launch, synchronise_batch_norm

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def test_one_rank_averages_nothing_and_keeps_keras_own_moments() -> None:
    import keras

    model = keras.Sequential([keras.Input((3,)), keras.layers.BatchNormalization(synchronized=True)])
    model(np.random.default_rng(0).normal(size=(4, 3)), training=True)
    before = model.get_weights()
    average_moving_statistics(model, World(0, 1))
    assert synchronise_batch_norm(model, World(0, 1)) == 1
    assert "_moments" not in vars(model.layers[0])
    for now, then in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(now, then)


@pytest.mark.slow
def test_only_moving_statistics_are_averaged_over_the_ranks(spark: SparkSession) -> None:
    def task(world: World, report: Any) -> dict[str, Any]:
        import keras

        from laketrain.distributed import average_moving_statistics

        keras.utils.set_random_seed(world.rank)
        inner = keras.Sequential([keras.layers.BatchNormalization(name="inner"), keras.layers.Dropout(0.5)])
        frozen = keras.layers.BatchNormalization(name="frozen", trainable=False)
        model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(4), inner,
                                  keras.layers.BatchNormalization(name="renorm", renorm=True), frozen])
        for variable in model.variables:
            if "seed" not in variable.name:
                variable.assign(keras.random.normal(variable.shape))
        before = {variable.path: variable.numpy().tolist() for variable in model.variables}
        average_moving_statistics(model, world)
        return {"before": before, "after": {each.path: each.numpy().tolist() for each in model.variables}}

    rank_0, rank_1 = launch(spark, task, 2, deadline=200)
    averaged = 0
    for path, value in rank_0["before"].items():
        if path.rpartition("/")[2].startswith(("moving_", "renorm_")):
            averaged += 1
            np.testing.assert_allclose(rank_0["after"][path], np.mean([value, rank_1["before"][path]], 0), rtol=1e-6)
            assert rank_0["after"][path] == rank_1["after"][path]
        else:
            assert (rank_0["after"][path], rank_1["after"][path]) == (value, rank_1["before"][path])
    assert averaged == 2 + 2 + 5
