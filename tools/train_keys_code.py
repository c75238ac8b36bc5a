"""A user's own code, as the trials of `train_keys` name it."""

from __future__ import annotations

from typing import Any


def loss(truth: Any, outputs: Any) -> Any:
    """A number a row, of any kind of target."""
    import tensorflow as tf

    flat = tf.reshape(outputs, (tf.shape(outputs)[0], -1))
    return tf.reduce_mean(tf.square(flat - 0.25), axis=1)


def callback() -> Any:
    """One that does nothing."""
    import keras

    return keras.callbacks.Callback()


def step(model: Any, inputs: Any, targets: Any, weights: Any) -> Any:
    """Moves all outputs towards a half."""
    import tensorflow as tf

    with tf.GradientTape() as tape:
        outputs = tf.nest.flatten(model(inputs, training=True))
        total = tf.add_n([tf.reduce_sum(tf.reshape(tf.square(one - 0.5), (tf.shape(one)[0], -1)) * weights[:, None])
                          for one in outputs])
    model.optimizer.apply(tape.gradient(total, model.trainable_weights), model.trainable_weights)
    return total


def model(features: Any, given: str = "in_0") -> Any:
    """For each target a part of its own, which shares no weight with another and sees one input: the target `of_in_3`
    sees `in_3`, any other what is `given`."""
    import keras

    from laketrain.models.inputs import InputLayers

    inputs = InputLayers.of(features)
    seen = {name: inputs.flat([name]) for name in features.inputs}
    outputs = {}
    for name, target in features.targets.items():
        hidden = keras.layers.Dense(4, "tanh", name=f"{name}_hidden")(seen[name.removeprefix("of_") if name.startswith(
            "of_") else given])
        outputs[name] = _head(name, target, hidden)
    return keras.Model(inputs.inputs, outputs if len(outputs) > 1 else next(iter(outputs.values())))


def _head(name: str, target: Any, hidden: Any) -> Any:
    import keras

    from laketrain.features import FeatureSet
    from laketrain.models.heads import heads

    if target.kind != "image":
        return heads(FeatureSet.of({name: target}), hidden)
    units = keras.layers.Dense(target.size, "sigmoid", dtype="float32", name=f"{name}_units")(hidden)
    return keras.layers.Reshape(target.shape, dtype="float32", name=name)(units)
