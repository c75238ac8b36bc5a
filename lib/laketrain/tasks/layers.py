"""The last layers of models: as Keras layers, and as the code that a user writes.

Outputs are float32 whatever type the layers compute in: a softmax in bfloat16 has three digits.
"""

from __future__ import annotations

import math
from typing import Any


def dense_head(name: str, shape: tuple[int, ...], activation: str | None, hidden: Any, initializer: str) -> Any:
    """(batch, *shape) from (batch, k)."""
    import keras

    if len(shape) == 1:
        return keras.layers.Dense(shape[0], activation, kernel_initializer=initializer, dtype="float32", name=name)(
            hidden)
    units = keras.layers.Dense(math.prod(shape), activation, kernel_initializer=initializer, dtype="float32",
                               name=f"{name}_units")(hidden)
    return keras.layers.Reshape(shape, dtype="float32", name=name)(units)


def layer_code(name: str, shape: tuple[int, ...], activation: str | None) -> str:
    """The code of the layer that returns (batch, *shape), and what it is applied to."""
    keyword = f'activation="{activation}", ' if activation else ""
    if len(shape) == 3:
        layer, over = "Conv2D", f" over {shape[0]}×{shape[1]} pixels"
    else:
        layer, over = "Dense", f" over {shape[0]} steps" if len(shape) == 2 else ""
    size = f"{shape[-1]}, 1" if layer == "Conv2D" else f"{shape[-1]}"
    return f'keras.layers.{layer}({size}, {keyword}dtype="float32", name="{name}"){over}'


def activated(name: str, activation: str | None, logits: Any) -> Any:
    """The predictions from a model's logits, float32; without an activation the logits themselves."""
    import keras

    if activation is None:
        return logits
    return keras.layers.Activation(activation, dtype="float32", name=f"probabilities_of_{name}")(logits)
