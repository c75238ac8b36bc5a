"""Collectives of two ranks equal NumPy's results, and broadcast copies bits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from laketrain.distributed import World, launch
from laketrain.errors import RankError

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


@pytest.mark.slow
def test_collectives_of_two_ranks_equal_numpy(spark: SparkSession) -> None:
    def task(world: World, report: Any) -> dict[str, Any]:
        import numpy as np
        import tensorflow as tf

        rng = np.random.default_rng(world.rank)
        values = [rng.normal(size=(3, 2)).astype("float32"), rng.normal(size=5), rng.integers(0, 9, size=4)]
        sparse = tf.IndexedSlices(tf.constant([[1.0 + world.rank]]), tf.constant([world.rank]), tf.constant([2, 1]))
        half = tf.cast([1.5, float(world.rank)], tf.bfloat16)
        means = world.average([values[0], None, values[1], values[2], sparse, half])
        in_graph = tf.function(lambda x: world.average([x, 2 * x], "graph"))(tf.constant([float(world.rank)]))
        return {
            "values": values,
            "means": [None if mean is None else tf.cast(mean, tf.float64) for mean in means],
            "dtypes": [None if mean is None else mean.dtype.name for mean in means],
            "graph": in_graph,
            "sums": [world.sum(world.rank + 1), world.sum(0.5), world.sum(values[0]), world.sum(values[2])],
            "gathered": world.gather({"rank": world.rank, "text": "é" * (1 + 1000 * world.rank)}),
            "local": world.local_rank,
        }

    rank_0, rank_1 = launch(spark, task, 2, deadline=200)

    values = [np.stack([np.asarray(a), np.asarray(b)]) for a, b in zip(rank_0["values"], rank_1["values"], strict=True)]
    for result in (rank_0, rank_1):
        assert result["means"][1] is None
        np.testing.assert_allclose(result["means"][0], values[0].mean(0), rtol=1e-6)
        np.testing.assert_allclose(result["means"][2], values[1].mean(0), rtol=1e-12)
        np.testing.assert_allclose(result["means"][3], values[2].mean(0))
        np.testing.assert_allclose(result["means"][4], [[0.5], [1.0]])
        np.testing.assert_allclose(result["means"][5], [1.5, 0.5])
        assert result["dtypes"] == ["float32", None, "float64", "float64", "float32", "bfloat16"]
        assert result["graph"] == [[0.5], [1.0]]
        assert result["sums"][:2] == [3, 1.0]
        np.testing.assert_allclose(result["sums"][2], values[0].sum(0), rtol=1e-6)
        assert result["sums"][3] == values[2].sum(0).tolist()
        assert [(entry["rank"], len(entry["text"])) for entry in result["gathered"]] == [(0, 1), (1, 1001)]
    assert {rank_0["local"], rank_1["local"]} == {0, 1}
    assert rank_0["means"] == rank_1["means"]


@pytest.mark.slow
def test_broadcast_gives_every_rank_the_variables_of_rank_0_bit_for_bit(spark: SparkSession) -> None:
    def task(world: World, report: Any) -> list[Any]:
        import keras
        import numpy as np
        import tensorflow as tf

        keras.utils.set_random_seed(world.rank)
        model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3), keras.layers.BatchNormalization(),
                                  keras.layers.Dropout(0.5)])
        optimizer = keras.optimizers.Adam(0.1 * (1 + world.rank))
        optimizer.build(model.trainable_variables)
        optimizer.iterations.assign(7 - world.rank)
        plain = [tf.Variable(np.full(3, world.rank, dtype)) for dtype in ("uint32", "float16", "bool", "int64")]
        half = tf.Variable(tf.fill([2], tf.cast(world.rank + 0.5, tf.bfloat16)))
        world.broadcast_model(model, optimizer)
        world.broadcast([*plain, half])
        variables = [*model.variables, *optimizer.variables, *plain, tf.cast(half, tf.float32)]
        return [np.asarray(v.numpy() if hasattr(v, "numpy") else v).tolist() for v in variables]

    rank_0, rank_1 = launch(spark, task, 2, deadline=200)

    assert rank_0 == rank_1
    assert rank_0[-1] == [0.5, 0.5]
    assert 7 in rank_0


@pytest.mark.slow
def test_models_that_differ_are_refused_with_the_first_difference(spark: SparkSession) -> None:
    def task(world: World, report: Any) -> None:
        import tensorflow as tf

        world.broadcast([tf.Variable([0.0]), tf.Variable(tf.zeros([2 + world.rank]))])

    with pytest.raises(RankError, match=r"variable 1 of rank 1: got \[\[3\], 'float32'\], rank 0 has \[\[2\]"):
        launch(spark, task, 2, deadline=200)
