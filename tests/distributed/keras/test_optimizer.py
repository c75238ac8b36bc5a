"""A distributed optimizer steps like a plain one on averaged gradients, and saves like a plain one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from laketrain.distributed import World, distribute, gradient_sync_seconds, launch
from laketrain.errors import LaunchError

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


class Plain:
    """A minimal optimizer that shows whether it was changed."""

    name = "plain"

    def apply(self, grads: Any, trainable_variables: Any = None) -> Any:
        return grads


def test_with_one_rank_the_optimizer_receives_its_own_gradients() -> None:
    optimizer, gradients = distribute(Plain(), World(0, 1)), [object(), None]
    assert optimizer.apply(gradients) == gradients
    assert gradient_sync_seconds(optimizer) == gradient_sync_seconds(Plain()) == 0.0


def test_a_second_distribute_has_no_effect() -> None:
    optimizer = distribute(Plain(), World(0, 2))
    apply = optimizer.apply
    assert distribute(optimizer, World(0, 2)).apply is apply


def test_an_optimizer_belongs_to_one_world() -> None:
    optimizer = distribute(Plain(), World(0, 2))
    with pytest.raises(LaunchError, match="already distributed"):
        distribute(optimizer, World(0, 4))
    with pytest.raises(LaunchError, match="gradient_dtype='float32', not .* gradient_dtype='float16'"):
        distribute(optimizer, World(0, 2), gradient_dtype="float16")


def test_an_unknown_gradient_dtype_is_refused_with_the_nearest() -> None:
    with pytest.raises(LaunchError, match=r"unknown gradient dtype 'bfloat', expected .* Did you mean 'bfloat16'\?"):
        distribute(Plain(), World(0, 2), gradient_dtype="bfloat")
    with pytest.raises(LaunchError, match="Accepted: bfloat16, float16, float32"):
        distribute(Plain(), World(0, 1), gradient_dtype="int8")


def test_accumulation_for_float8_layers_is_refused() -> None:
    import keras
    import tensorflow as tf

    optimizer = distribute(keras.optimizers.SGD(0.1, gradient_accumulation_steps=2), World(0, 2))
    variable = keras.Variable([1.0])
    variable.overwrite_with_gradient = True
    with pytest.raises(LaunchError, match="float8"):
        optimizer.apply([tf.constant([1.0])], [variable])


def test_a_token_that_a_batch_has_twice_gets_one_step() -> None:
    import keras
    import tensorflow as tf

    table, reference = keras.Variable(np.ones((4, 2))), keras.Variable(np.ones((4, 2)))
    optimizer, plain = distribute(keras.optimizers.Adam(0.1), World(0, 1)), keras.optimizers.Adam(0.1)
    for step in range(3):
        values = np.random.default_rng(step).normal(size=(3, 2)).astype("float32")
        dense = np.zeros((4, 2), "float32")
        np.add.at(dense, [2, 0, 2], values)
        optimizer.apply([tf.IndexedSlices(values, tf.constant([2, 0, 2]), tf.constant([4, 2]))], [table])
        plain.apply([tf.constant(dense)], [reference])
    np.testing.assert_allclose(table.numpy(), reference.numpy(), rtol=1e-6)


def test_without_gradients_nothing_is_sent() -> None:
    assert distribute(Plain(), World(0, 2)).apply([None, None]) == [None, None]


@pytest.mark.slow
def test_every_optimizer_steps_like_the_plain_one_on_averaged_gradients(spark: SparkSession) -> None:
    def task(world: World, report: Any) -> dict[str, Any]:
        import keras
        import numpy as np
        import tensorflow as tf

        from laketrain.distributed import distribute

        def by_group() -> Any:
            groups = [keras.optimizers.SGD(0.1), keras.optimizers.Adam(0.1, gradient_accumulation_steps=2)]
            return keras.optimizers.MultiOptimizer(lambda variable: groups[variable.shape == (2,)])

        makers = {
            "groups": by_group,
            "sgd": lambda: keras.optimizers.SGD(0.1, momentum=0.9),
            "adam clipped": lambda: keras.optimizers.Adam(0.1, clipnorm=0.5),
            "adamw global": lambda: keras.optimizers.AdamW(0.1, weight_decay=0.1, global_clipnorm=0.3),
            "rmsprop": lambda: keras.optimizers.RMSprop(0.1),
            "clipped by value": lambda: keras.optimizers.SGD(0.1, clipvalue=0.2),
            "accumulated": lambda: keras.optimizers.SGD(0.1, momentum=0.9, gradient_accumulation_steps=2),
            "accumulated clipped": lambda: keras.optimizers.Adam(0.1, clipnorm=0.5, gradient_accumulation_steps=2),
            "accumulated by value": lambda: keras.optimizers.Lion(0.1, clipvalue=0.2, gradient_accumulation_steps=3),
            "accumulated global": lambda: keras.optimizers.AdamW(
                0.1, global_clipnorm=0.3, gradient_accumulation_steps=2, use_ema=True, ema_overwrite_frequency=2),
            "accumulated, scaled": lambda: keras.optimizers.LossScaleOptimizer(
                keras.optimizers.Adam(0.1, gradient_accumulation_steps=2, clipnorm=0.1), initial_scale=8.0),
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

    rank_0, rank_1 = launch(spark, task, 2, deadline=200)

    assert len(rank_0) == 13
    for name, (ours, plain) in rank_0.items():
        for index, (mine, reference, other) in enumerate(zip(ours, plain, rank_1[name][0], strict=True)):
            np.testing.assert_allclose(mine, reference, rtol=1e-5, atol=1e-6, err_msg=f"{name}, variable {index}")
            assert mine == other, f"ranks differ after {name}"


@pytest.mark.slow
def test_all_ranks_skip_a_step_whose_gradients_are_infinite_on_one_rank(spark: SparkSession) -> None:
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
def test_with_accumulation_all_ranks_skip_infinite_gradients_too(spark: SparkSession) -> None:
    def task(world: World, report: Any) -> list[Any]:
        import keras
        import tensorflow as tf

        from laketrain.distributed import distribute

        def make() -> Any:
            inner = keras.optimizers.SGD(1.0, gradient_accumulation_steps=2)
            return keras.optimizers.LossScaleOptimizer(inner, initial_scale=4.0)

        ours, plain = keras.Variable([1.0]), keras.Variable([1.0])
        optimizer, reference = distribute(make(), world), make()
        step = tf.function(lambda gradient: optimizer.apply([gradient], [ours]))
        optimizer.build([ours])
        for number in range(6):
            of_ranks = [4.0 + number, float("inf") if number == 2 else 8.0]
            step(tf.constant([of_ranks[world.rank]]))
            reference.apply([tf.constant([sum(of_ranks) / 2])], [plain])
        return [[float(each.numpy()[0]) for each in (ours, plain)],
                [int(each.iterations.numpy()) for each in (optimizer, reference)],
                [float(each.dynamic_scale.numpy()) for each in (optimizer, reference)]]

    rank_0, rank_1 = launch(spark, task, 2, deadline=200)
    assert rank_0 == rank_1
    (ours, plain), iterations, scales = rank_0
    assert ours == pytest.approx(plain)
    assert iterations == [2, 2]
    assert scales == [2.0, 2.0]


@pytest.mark.slow
def test_only_the_step_that_uses_accumulated_gradients_averages_them(spark: SparkSession) -> None:
    def task(world: World, report: Any) -> list[float]:
        import keras
        import tensorflow as tf

        from laketrain.distributed import distribute, gradient_sync_seconds

        variable = keras.Variable([0.0])
        optimizer = distribute(keras.optimizers.SGD(1.0, gradient_accumulation_steps=3), world)
        optimizer.build([variable])
        step = tf.function(lambda gradient: optimizer.apply([gradient], [variable]))
        seconds = []
        for _ in range(6):
            step(tf.constant([1.0]))
            seconds.append(gradient_sync_seconds(optimizer))
        return [*variable.numpy().tolist(), len(optimizer.variables), *seconds]

    for weight, variables, first, second, third, fourth, fifth, sixth in launch(spark, task, 2, deadline=200):
        assert weight == -2.0
        assert variables == 3  # iterations, learning rate, the sum; the time spent is not part of the optimizer
        assert first == second == 0.0
        assert 0.0 < third == fourth == fifth < sixth


@pytest.mark.slow
def test_a_partial_sum_saved_by_rank_0_and_loaded_by_all_continues_unchanged(spark: SparkSession) -> None:
    def task(world: World, report: Any) -> list[float]:
        import keras
        import tensorflow as tf

        from laketrain.distributed import average_accumulated_gradients, distribute

        def make() -> Any:
            inner = keras.optimizers.Adam(0.1, gradient_accumulation_steps=2)
            optimizer = distribute(keras.optimizers.LossScaleOptimizer(inner, initial_scale=2.0), world)
            variable = keras.Variable([1.0])
            optimizer.build([variable])
            return optimizer, variable

        gradients = [tf.constant([value + world.rank]) for value in (1.0, -8.0, 3.0, 0.5, 2.0)]
        through, end = make()
        for number, gradient in enumerate(gradients):
            through.apply([gradient], [end])
            if number == 2:
                average_accumulated_gradients(through, world)
                saved = [variable.numpy() for variable in (*through.variables, end)]
        resumed, weight = make()
        if world.is_chief:
            for variable, value in zip((*resumed.variables, weight), saved, strict=True):
                variable.assign(value)
        world.broadcast([*resumed.variables, weight])
        for gradient in gradients[3:]:
            resumed.apply([gradient], [weight])

        alone, reference = keras.optimizers.Adam(0.1, gradient_accumulation_steps=2), keras.Variable([1.0])
        for value in (1.0, -8.0, 3.0, 0.5, 2.0):
            alone.apply([tf.constant([(value + 0.5) / 2.0])], [reference])
        return [float(each.numpy()[0]) for each in (end, weight, reference)]

    rank_0, rank_1 = launch(spark, task, 2, deadline=200)
    assert rank_0 == rank_1
    assert rank_0[0] == rank_0[1]
    assert rank_0[0] == pytest.approx(rank_0[2], rel=1e-6)


@pytest.mark.slow
def test_two_optimizers_that_step_at_different_rates_do_not_mix(spark: SparkSession) -> None:
    def task(world: World, report: Any) -> list[Any]:
        import keras
        import tensorflow as tf

        from laketrain.distributed import distribute

        def train(ranks: list[float], share: Any) -> list[float]:
            generator, critic = keras.Variable([1.0]), keras.Variable([2.0])
            slow, quick = share(keras.optimizers.Adam(0.1)), share(keras.optimizers.SGD(0.1))
            slow.build([generator])
            quick.build([critic])

            def both(late: Any) -> None:
                factor = tf.reduce_mean(tf.constant(ranks))
                for _ in range(2):
                    quick.apply([factor * critic * generator], [critic])
                tf.cond(late, lambda: slow.apply([factor * critic], [generator]), lambda: None)
                quick.apply([factor * critic], [critic])

            step = tf.function(both, autograph=False)
            for number in range(6):
                step(tf.constant(number % 3 == 2))
            return [float(each.numpy()[0]) for each in (generator, critic)]

        return [train([1.0 + world.rank], lambda each: distribute(each, world)), train([1.0, 2.0], lambda each: each)]

    rank_0, rank_1 = launch(spark, task, 2, deadline=200)
    assert rank_0 == rank_1
    np.testing.assert_allclose(rank_0[0], rank_0[1], rtol=1e-5)


@pytest.mark.slow
def test_two_ranks_reach_the_weights_of_one_process_with_both_batches(spark: SparkSession) -> None:
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
def test_a_distributed_optimizer_saves_and_loads_like_the_plain_one(spark: SparkSession, tmp_path: Any) -> None:
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
                "distributed": [hasattr(each, "_laketrain_gradient_sync") for each in (ours, plain, copied)],
                "iterations": int(plain.iterations)}

    folder = str(tmp_path)
    for result in launch(spark, task, 2, deadline=200):
        assert result["class"] == "keras.src.optimizers.adam.Adam"
        assert result["iterations"] == 1
        assert all(result["same"])
        assert result["config"]
        assert result["distributed"] == [True, False, False]
