"""Sparse gradients equal dense ones, whether rows or the whole table are sent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from laketrain.distributed import World, launch
from laketrain.distributed.collectives.sparse_gradients import is_large, is_sparse, sum_duplicate_rows

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(-9, 9)), max_size=12))
def test_duplicate_rows_are_summed_in_order_of_first_appearance(pairs: list[tuple[int, int]]) -> None:
    import tensorflow as tf

    rows = np.array([row for row, _ in pairs], np.int64)
    values = np.array([[value, 1] for _, value in pairs], np.float32).reshape(-1, 2)
    result = sum_duplicate_rows(tf.IndexedSlices(tf.constant(values), tf.constant(rows), tf.constant([6, 2])))

    dense = np.zeros((6, 2), np.float32)
    np.add.at(dense, rows, values)
    assert result.indices.numpy().tolist() == list(dict.fromkeys(rows.tolist()))
    np.testing.assert_array_equal(result.values.numpy(), dense[result.indices.numpy()])


def test_only_large_tables_are_sent_by_rows() -> None:
    import tensorflow as tf

    def table(rows: int) -> Any:
        return tf.IndexedSlices(tf.zeros([1, 4]), tf.constant([0]), tf.constant([rows, 4]))

    assert is_large(table(1 << 16))
    assert not is_large(table((1 << 16) - 1))
    assert not is_large(tf.zeros([1 << 16, 4]))
    assert is_sparse(table(2))
    assert not is_sparse(None)


@pytest.mark.slow
@pytest.mark.parametrize(("wire_dtype", "rtol"), [("float32", 1e-6), ("float16", 2.0**-9), ("bfloat16", 2.0**-6)])
def test_ranks_average_the_rows_that_any_of_them_has_used(spark: SparkSession, wire_dtype: str, rtol: float) -> None:
    def task(world: World, report: Any) -> list[Any]:
        import numpy as np
        import tensorflow as tf

        rows, width = 40_000, 8
        results = []
        together = tf.function(lambda *parts: world.average([tf.IndexedSlices(*parts, tf.constant([rows, width]))],
                                                            "rows", wire_dtype),
                               input_signature=[tf.TensorSpec([None, width]), tf.TensorSpec([None], tf.int64)])
        # Few rows; many on one rank and none on the other; most of the table, repeated, so it is sent whole.
        for counts in ((300, 50), (0, 20), (90_000, 80_000)):
            drawn = [np.random.default_rng([rank, count]) for rank, count in enumerate(counts)]
            pairs = [(rng.integers(0, rows, count), rng.normal(size=(count, width)).astype("float32"))
                     for rng, count in zip(drawn, counts, strict=True)]
            indices, values = pairs[world.rank]
            mean, = together(tf.constant(values), tf.constant(indices))
            dense = np.zeros((rows, width))
            for its_indices, its_values in pairs:
                np.add.at(dense, its_indices, its_values / 2.0)
            sparse = np.zeros((rows, width))
            sparse[mean.indices] = mean.values
            unique = len(np.unique(mean.indices)) == len(mean.indices)
            touched = len(np.unique(np.concatenate([each for each, _ in pairs])))
            error = float(np.abs(sparse - dense).max() / np.abs(dense).max())
            results.append([error, unique, len(mean.indices), touched, mean.values.dtype.name, float(sparse.sum())])
        return results

    rank_0, rank_1 = launch(spark, task, 2, deadline=200)
    assert rank_0 == rank_1
    for error, unique, *_ in rank_0:
        assert error < rtol
        assert unique
    assert [row[4] for row in rank_0] == ["float32"] * 3
    (*_, few, few_touched, _, _), (*_, lone, lone_touched, _, _), (*_, whole, _, _, _) = rank_0
    assert (few, lone, whole) == (few_touched, lone_touched, 40_000)


@pytest.mark.slow
def test_an_embedding_trains_on_two_ranks_as_with_dense_gradients(spark: SparkSession) -> None:
    def task(world: World, report: Any) -> dict[str, Any]:
        import keras
        import numpy as np
        import tensorflow as tf

        from laketrain.distributed import distribute

        makers = {"sgd": lambda: keras.optimizers.SGD(0.1, momentum=0.9),
                  "adam": lambda: keras.optimizers.Adam(0.1, global_clipnorm=0.01),
                  "accumulated": lambda: keras.optimizers.RMSprop(0.1, gradient_accumulation_steps=2),
                  "scaled": lambda: keras.optimizers.LossScaleOptimizer(keras.optimizers.Adagrad(0.1))}
        rows, width = 70_000, 4
        start = np.random.default_rng(0).normal(size=(rows, width)).astype("float32")
        results = {}
        for name, make in makers.items():
            report({})
            layer, reference = keras.layers.Embedding(rows, width), keras.Variable(start)
            layer.build()
            layer.embeddings.assign(start)
            optimizer, plain = distribute(make(), world), make()
            optimizer.build(layer.trainable_weights)

            def apply(tokens: Any, layer: Any = layer, optimizer: Any = optimizer) -> None:
                with tf.GradientTape() as tape:
                    loss = tf.reduce_mean(tf.reduce_sum(layer(tokens) ** 2, [1, 2]))
                    loss = optimizer.scale_loss(loss)
                optimizer.apply(tape.gradient(loss, layer.trainable_weights), layer.trainable_weights)

            step = tf.function(apply, autograph=False)
            for number in range(4):
                tokens = np.random.default_rng(number).integers(0, 50, size=(2, 6, 5))
                step(tf.constant(tokens[world.rank]))
                dense = np.zeros((rows, width), "float32")
                np.add.at(dense, tokens.ravel(), 2.0 * reference.numpy()[tokens.ravel()] / 12.0)
                scale = plain.scale_loss(1.0)
                plain.apply([tf.constant(dense) * scale], [reference])
            weights = layer.embeddings.numpy()
            results[name] = [float(np.abs(weights - reference.numpy()).max()), float(np.abs(weights - start).max()),
                           float(weights.sum())]
        return results

    rank_0, rank_1 = launch(spark, task, 2, deadline=200)
    assert rank_0 == rank_1
    for name, (error, moved, _) in rank_0.items():
        assert error < 1e-4, name
        assert moved > 1e-3, name
