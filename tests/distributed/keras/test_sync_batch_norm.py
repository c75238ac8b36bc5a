"""Layers with `synchronized=True` compute on several ranks what one process computes on the whole batch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from laketrain.distributed import World, launch

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


@pytest.mark.slow
def test_synchronised_layers_equal_one_process_on_the_whole_batch(
    spark: SparkSession, tmp_path: Any
) -> None:
    def task(world: World, report: Any) -> dict[str, Any]:
        import keras
        import numpy as np
        import tensorflow as tf

        from laketrain.distributed import distribute, synchronise_batch_norm

        def build(synchronized: bool) -> Any:
            layers = keras.layers
            inputs = keras.Input((6, 6, 2))
            hidden = layers.Conv2D(4, 3)(inputs)
            hidden = layers.BatchNormalization(synchronized=synchronized)(hidden)
            hidden = layers.Permute((3, 1, 2))(layers.Activation("relu")(hidden))
            hidden = layers.BatchNormalization(axis=1, momentum=0.8, synchronized=synchronized)(hidden)
            outputs = layers.Dense(1)(layers.BatchNormalization(synchronized=synchronized)(layers.Flatten()(hidden)))
            return keras.Model(inputs, outputs)

        # A mean much larger than the spread, where a difference of squares would lose its digits.
        rng = np.random.default_rng(1)
        images = (rng.normal(size=(5, 10, 6, 6, 2)) + 100.0).astype("float32")
        images[:, ::2] += 3.0
        targets = rng.normal(size=(5, 10, 1)).astype("float32")
        parts = [slice(0, None, 2), slice(1, None, 2)]

        keras.utils.set_random_seed(7)
        model = build(synchronized=True)
        plain = build(synchronized=False)
        plain.set_weights(model.get_weights())
        layers = synchronise_batch_norm(model, world)
        optimizer, reference = distribute(keras.optimizers.SGD(0.01), world), keras.optimizers.SGD(0.01)

        def step_of(model: Any, optimizer: Any) -> Any:
            optimizer.build(model.trainable_weights)

            def step(inputs: Any, targets: Any) -> tuple[Any, Any]:
                with tf.GradientTape() as tape:
                    tape.watch(inputs)
                    outputs = model(inputs, training=True)
                    loss = tf.reduce_mean((outputs - targets) ** 2)
                *gradients, of_inputs = tape.gradient(loss, [*model.trainable_weights, inputs])
                optimizer.apply(gradients, model.trainable_weights)
                return outputs, of_inputs

            return tf.function(step, autograph=False)

        ours, theirs = step_of(model, optimizer), step_of(plain, reference)
        mine, errors = parts[world.rank], []
        for number in range(5):
            outputs, of_inputs = ours(tf.constant(images[number, mine]), tf.constant(targets[number, mine]))
            whole, of_whole = theirs(tf.constant(images[number]), tf.constant(targets[number]))
            # A rank's loss is a mean over its own half, so its gradient is twice that of the whole batch.
            errors.append([float(np.abs(outputs - whole.numpy()[mine]).max()),
                           float(np.abs(of_inputs / 2.0 - of_whole.numpy()[mine]).max())])
        model.save(f"{folder}/{world.rank}.keras")
        loaded = keras.models.load_model(f"{folder}/{world.rank}.keras")
        after = np.isfinite(loaded(images[0, mine], training=True)).all()
        return {"layers": layers, "errors": errors, "weights": list(model.get_weights()),
                "reference": list(plain.get_weights()),
                "plain": bool(after) and not any("_moments" in vars(layer) for layer in loaded.layers),
                "declared": sum(getattr(layer, "synchronized", False) for layer in loaded.layers)}

    folder = str(tmp_path)
    rank_0, rank_1 = launch(spark, task, 2, deadline=200)
    assert rank_0["weights"] == rank_1["weights"]
    for result in (rank_0, rank_1):
        assert np.max(result["errors"]) < 2e-4
        assert (result["layers"], result["declared"], result["plain"]) == (3, 3, True)
        for mine, reference in zip(result["weights"], result["reference"], strict=True):
            np.testing.assert_allclose(mine, reference, rtol=2e-4, atol=2e-4)


@pytest.mark.slow
def test_masked_rows_have_no_weight_on_any_rank(spark: SparkSession) -> None:
    def task(world: World, report: Any) -> list[Any]:
        import keras
        import numpy as np

        from laketrain.distributed import synchronise_batch_norm

        rng = np.random.default_rng(4)
        inputs = rng.normal(size=(2, 3, 5, 2)).astype("float32")
        masks = rng.random((2, 3, 5)) < np.array([0.9, 0.2])[:, None, None]
        layers = [keras.layers.BatchNormalization(synchronized=synchronized) for synchronized in (True, False)]
        for layer in layers:
            layer.build((None, 5, 2))
        model = keras.Sequential([keras.Input((5, 2)), layers[0]])
        synchronise_batch_norm(model, world)
        outputs = layers[0](inputs[world.rank], training=True, mask=masks[world.rank])
        whole = layers[1](np.concatenate(inputs), training=True, mask=np.concatenate(masks))
        return [float(np.abs(outputs - whole.numpy()[3 * world.rank:3 * world.rank + 3]).max()),
                *(float(np.abs(a.numpy() - b.numpy()).max()) for a, b in zip(*(each.weights for each in layers),
                                                                              strict=True))]

    for errors in launch(spark, task, 2, deadline=200):
        assert max(errors) < 1e-5
