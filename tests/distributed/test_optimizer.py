"""A distributed optimizer takes the step that the plain one takes on averaged gradients, and saves as the plain one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from laketrain.distributed import World, distribute, launch
from laketrain.errors import LaunchError

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


class Plain:
    """Enough of an optimizer to see whether it was touched."""

    name = "plain"

    def apply(self, grads: Any, trainable_variables: Any = None) -> Any:
        return grads


def test_in_a_world_of_one_the_optimizer_is_left_alone() -> None:
    optimizer = Plain()
    assert distribute(optimizer, World(0, 1)) is optimizer
    assert vars(optimizer) == {}


def test_distributing_twice_is_distributing_once() -> None:
    optimizer = distribute(Plain(), World(0, 2))
    apply = optimizer.apply
    assert distribute(optimizer, World(0, 2)).apply is apply


def test_an_optimizer_belongs_to_one_world() -> None:
    optimizer = distribute(Plain(), World(0, 2))
    with pytest.raises(LaunchError, match="already distributed"):
        distribute(optimizer, World(0, 4))


def test_without_any_gradient_nobody_is_asked() -> None:
    assert distribute(Plain(), World(0, 2)).apply([None, None]) == [None, None]


@pytest.mark.slow
def test_every_optimizer_steps_as_the_plain_one_on_averaged_gradients(spark: SparkSession) -> None:
    def task(world: World, report: Any) -> dict[str, Any]:
        import keras
        import numpy as np
        import tensorflow as tf

        from laketrain.distributed import distribute

        makers = {
            "sgd": lambda: keras.optimizers.SGD(0.1, momentum=0.9),
            "adam clipped": lambda: keras.optimizers.Adam(0.1, clipnorm=0.5),
            "adamw global": lambda: keras.optimizers.AdamW(0.1, weight_decay=0.1, global_clipnorm=0.3),
            "rmsprop": lambda: keras.optimizers.RMSprop(0.1),
            "accumulated": lambda: keras.optimizers.SGD(0.1, gradient_accumulation_steps=2),
            "moving average": lambda: keras.optimizers.Adam(0.1, use_ema=True),
            "loss scale": lambda: keras.optimizers.LossScaleOptimizer(keras.optimizers.Adam(0.1), initial_scale=8.0),
        }
        def step_of(optimizer: Any, variables: Any) -> Any:
            def apply(a: Any, b: Any) -> None:
                sparse = tf.IndexedSlices(b[None], tf.constant([1]), tf.constant([2]))
                optimizer.apply([a, sparse, None], variables)

            return tf.function(apply, autograph=False)

        results = {}
        for name, make in makers.items():
            report({})
            rngs = [np.random.default_rng([rank, 5]) for rank in range(world.size)]
            start = [np.ones((3, 2), "float32"), np.ones(2, "float32"), np.ones(4, "float32")]
            ours, plain = ([keras.Variable(value) for value in start] for _ in range(2))
            optimizer, reference = distribute(make(), world), make()
            optimizer.build(ours)
            reference.build(plain)

            step = step_of(optimizer, ours)
            for _ in range(4):
                drawn = [(rng.normal(size=(3, 2)).astype("float32"), np.float32(rng.normal())) for rng in rngs]
                step(*map(tf.constant, drawn[world.rank]))
                mean = [np.mean([pair[0] for pair in drawn], 0), np.float32(np.mean([pair[1] for pair in drawn]))]
                reference.apply([tf.constant(mean[0]), tf.constant([0.0, mean[1]]), None], plain)
            results[name] = [[v.numpy() for v in ours], [v.numpy() for v in plain]]
        return results

    zero, one = launch(spark, task, 2, deadline=200)

    assert len(zero) == 7
    for name, (ours, plain) in zero.items():
        for index, (mine, reference, other) in enumerate(zip(ours, plain, one[name][0], strict=True)):
            np.testing.assert_allclose(mine, reference, rtol=1e-5, atol=1e-6, err_msg=f"{name}, variable {index}")
            assert mine == other, f"ranks differ after {name}"


@pytest.mark.slow
def test_ranks_that_see_infinite_gradients_alone_skip_the_step_together(spark: SparkSession) -> None:
    def task(world: World, report: Any) -> list[float]:
        import keras
        import tensorflow as tf

        from laketrain.distributed import distribute

        variable = keras.Variable([1.0])
        optimizer = distribute(keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(1.0), initial_scale=4.0), world)
        for step in range(3):
            bad = world.rank == 1 and step == 1
            optimizer.apply([tf.constant([float("inf") if bad else 4.0])], [variable])
        return [*variable.numpy().tolist(), float(optimizer.dynamic_scale)]

    # Three steps of 1, one skipped; the scale is halved, so the last step is one of 2.
    assert launch(spark, task, 2, deadline=200) == [[-2.0, 2.0]] * 2


@pytest.mark.slow
def test_two_ranks_train_to_the_weights_of_one_process_with_both_batches(spark: SparkSession) -> None:
    def task(world: World, report: Any) -> list[Any]:
        import keras
        import numpy as np

        from laketrain.distributed import distribute

        rng = np.random.default_rng(3)
        images, labels = rng.normal(size=(8, 16, 6)).astype("float32"), rng.integers(0, 3, size=(8, 16))
        keras.utils.set_random_seed(world.rank)
        model = keras.Sequential([keras.Input((6,)), keras.layers.Dense(8, "relu"), keras.layers.Dense(3)])
        model.compile(distribute(keras.optimizers.Adam(0.01), world), jit_compile=False,
                      loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True))
        chiefs = np.random.default_rng(9)
        if world.is_chief:
            model.set_weights([chiefs.normal(size=weight.shape) for weight in model.get_weights()])
        world.broadcast_model(model)
        mine = slice(world.rank, None, world.size)
        for step in range(8):
            model.train_on_batch(images[step, mine], labels[step, mine])
            report({"step": step})
        return list(model.get_weights())

    together = launch(spark, task, 2, deadline=200)
    alone = launch(spark, task, 1, deadline=200)

    assert together[0] == together[1]
    for mine, reference in zip(together[0], alone[0], strict=True):
        np.testing.assert_allclose(mine, reference, rtol=1e-4, atol=1e-5)


@pytest.mark.slow
def test_a_distributed_optimizer_saves_and_loads_as_the_plain_one(spark: SparkSession, tmp_path: Any) -> None:
    def task(world: World, report: Any) -> dict[str, Any]:
        import copy

        import keras
        import numpy as np

        from laketrain.distributed import distribute

        keras.utils.set_random_seed(1)
        model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
        model.compile(distribute(keras.optimizers.Adam(0.01), world), "mse", jit_compile=False)
        model.train_on_batch(np.ones((4, 2)), np.ones((4, 1)))
        path = f"{folder}/{world.rank}.keras"
        model.save(path)
        loaded = keras.models.load_model(path)
        copied = copy.deepcopy(model.optimizer)
        ours, plain = model.optimizer, loaded.optimizer
        return {"class": f"{type(plain).__module__}.{type(plain).__name__}",
                "same": [np.array_equal(a, b) for a, b in zip(ours.variables, plain.variables, strict=True)],
                "config": set(plain.get_config()) == set(keras.optimizers.Adam().get_config()),
                "distributed": [hasattr(each, "_laketrain_world") for each in (ours, plain, copied)],
                "iterations": int(plain.iterations)}

    folder = str(tmp_path)
    for result in launch(spark, task, 2, deadline=200):
        assert result["class"] == "keras.src.optimizers.adam.Adam"
        assert result["iterations"] == 1
        assert all(result["same"])
        assert result["config"]
        assert result["distributed"] == [True, False, False]
