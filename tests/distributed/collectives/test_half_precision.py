"""Means sent in 16 bits equal NumPy's to that precision, keep their dtype, and are the same on every rank."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from laketrain.distributed import World, launch

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

BITS = {"float16": 2.0**-10, "bfloat16": 2.0**-7}


@given(st.lists(st.floats(2.0**-20, 2.0**20, width=32), min_size=1, max_size=5), st.booleans(), st.integers(-90, 90))
def test_bfloat16_keeps_eight_bits_of_a_scaled_number(
    values: list[float], negative: bool, power: int
) -> None:
    import tensorflow as tf

    from laketrain.distributed.collectives.half_precision import decode, encode

    array, shift = tf.constant(values) * (-1.0 if negative else 1.0), tf.constant(power)
    back = decode(encode(array, "bfloat16", shift), "bfloat16", shift, tf.float32)
    np.testing.assert_allclose(back, array, rtol=2.0**-8)


@pytest.mark.slow
def test_means_of_any_magnitude_have_the_precision_of_the_wire_dtype(spark: SparkSession) -> None:
    def task(world: World, report: Any) -> dict[str, Any]:
        import numpy as np
        import tensorflow as tf

        rng = np.random.default_rng(world.rank)
        values = [rng.normal(size=(3, 5)).astype("float32"), rng.normal(size=7) * 1e30,
                  (rng.normal(size=4) * 1e-20).astype("float32"), np.zeros(2, "float32"), np.zeros((0, 3), "float32"),
                  np.array(rng.normal(), "float32")]
        loud = np.array([[np.inf, 1.0, 2.0], [3.0, np.nan, -4.0]][world.rank], "float32")
        results: dict[str, Any] = {"values": [each.tolist() for each in values]}
        for wire_dtype in ("float16", "bfloat16"):
            together = tf.function(lambda *tensors, dtype=wire_dtype: world.average([*tensors, None], dtype, dtype),
                                   autograph=False)
            *means, none = together(*[tf.constant(each) for each in (*values, loud)], tf.constant([world.rank, 3]),
                                    tf.cast(values[0], tf.bfloat16))
            results[wire_dtype] = [tf.cast(mean, tf.float64) for mean in means]
            results[f"{wire_dtype} dtypes"] = [mean.dtype.name for mean in means]
            results[f"{wire_dtype} none"] = none is None
        return results

    rank_0, rank_1 = launch(spark, task, 2, deadline=200)

    for wire_dtype, rtol in BITS.items():
        assert str(rank_0[wire_dtype]) == str(rank_1[wire_dtype])  # as text: NaN is not equal to itself
        assert rank_0[f"{wire_dtype} none"]
        assert rank_0[f"{wire_dtype} dtypes"] == ["float32", "float64", *["float32"] * 5, "float64", "bfloat16"]
        for mean, own, peer in zip(rank_0[wire_dtype], rank_0["values"], rank_1["values"], strict=False):
            largest = max(np.abs(own).max(), np.abs(peer).max()) if np.size(own) else 0.0
            np.testing.assert_allclose(mean, np.mean([own, peer], 0), atol=rtol * largest)
        loud, integers, half = rank_0[wire_dtype][6:]
        assert loud[0] == np.inf
        assert np.isnan(loud[1])
        assert loud[2] == -1.0
        assert integers == [0.5, 3.0]
        np.testing.assert_allclose(half, rank_0[wire_dtype][0], atol=0.05)


@pytest.mark.slow
@pytest.mark.parametrize("wire_dtype", BITS)
def test_training_with_16_bit_gradients_ends_near_float32(spark: SparkSession, wire_dtype: str) -> None:
    def task(world: World, report: Any) -> list[Any]:
        import keras
        import numpy as np

        from laketrain.distributed import distribute

        rng = np.random.default_rng(3)
        inputs = rng.normal(size=(12, 16, 6)).astype("float32")
        targets = inputs @ rng.normal(size=(6, 1)).astype("float32")
        results = []
        for each in ("float32", wire_dtype):
            keras.utils.set_random_seed(1)
            model = keras.Sequential([keras.Input((6,)), keras.layers.Dense(8, "tanh"), keras.layers.Dense(1)])
            model.compile(distribute(keras.optimizers.SGD(0.05, momentum=0.9), world, gradient_dtype=each), "mse",
                          jit_compile=False)
            for step in range(12):
                mine = slice(world.rank, None, world.size)
                model.train_on_batch(inputs[step, mine], targets[step, mine])
            results.append(np.concatenate([weight.ravel() for weight in model.get_weights()]))
        return results

    (wide, narrow), other = launch(spark, task, 2, deadline=200)
    assert [wide, narrow] == other
    assert wide != narrow
    np.testing.assert_allclose(narrow, wide, atol=0.05 if wire_dtype == "bfloat16" else 0.005)
