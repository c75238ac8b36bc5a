"""Builds the declared model and prepares it for training: initial weights, frozen layers, penalties, optimizer.

    networks = compile_networks(task.config, features, source=None, precision="float32", user={})
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from fnmatch import fnmatchcase
from functools import wraps
from typing import Any

import keras

from laketrain.config.optimizer import Optimizer
from laketrain.config.train import Regularise
from laketrain.errors import DataError, nearest
from laketrain.features import FeatureSet
from laketrain.models.networks import Networks
from laketrain.models.user import UserModel
from laketrain.tasks import Output
from laketrain.tasks.layers import activated
from laketrain.workload import Train

_OPTIMIZERS: dict[str, Any] = {
    "sgd": keras.optimizers.SGD, "adam": keras.optimizers.Adam, "adamw": keras.optimizers.AdamW,
    "nadam": keras.optimizers.Nadam, "adamax": keras.optimizers.Adamax, "lamb": keras.optimizers.Lamb,
    "lion": keras.optimizers.Lion, "rmsprop": keras.optimizers.RMSprop, "adagrad": keras.optimizers.Adagrad,
    "adadelta": keras.optimizers.Adadelta, "adafactor": keras.optimizers.Adafactor, "ftrl": keras.optimizers.Ftrl,
}
# Settings of ours that Keras' optimizers don't take.
_OURS = {"name", "schedule", "accumulate", "ema", "layer_rates", "gradient_dtype"}
_POLICIES = {"float32": "float32", "bfloat16": "mixed_bfloat16", "float16": "mixed_float16"}
# Penalties apply to the weights that multiply, not to those that shift or scale.
_KERNELS = ("kernel", "depthwise_kernel", "pointwise_kernel", "recurrent_kernel", "embeddings")


def compile_networks(config: Train, features: FeatureSet, source: Networks | None, precision: str,
                     user: Mapping[str, Any]) -> Networks:
    """The declared networks, each with its optimizer, with fresh weights or those of `source`'s matching layers.

    Args:
        precision: float32, bfloat16 or float16: the type that layers compute in.
        user: the user's own functions, by `module:function`.

    Raises:
        DataError: a pattern matches no layer, or `source` has no weights for this model.
    """
    with compute_dtype(precision):
        declared = config.model
        networks = Networks.of(declared.build_with(user[declared.use], features)
                               if isinstance(declared, UserModel) and declared.use in user
                               else declared.build(features))
    if source is not None:
        load_matching_weights(networks, source)
    _freeze(networks, config.freeze)
    _refuse_nothing_to_learn(networks, config)
    if config.regularise is not None:
        regularise(networks, config.regularise)
    for network in networks.values():
        _compile(network, build_optimizer(config.optimizer), precision)
    return networks


def _compile(network: keras.Model, optimizer: keras.optimizers.Optimizer, precision: str) -> None:
    if precision == "float16":
        optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
    network.compile(optimizer=optimizer, jit_compile=False, auto_scale_loss=False)
    optimizer.build(network.trainable_variables)


def build_optimizer(settings: Optimizer) -> keras.optimizers.Optimizer:
    """The Keras optimizer with the declared settings; the others keep Keras' defaults. Its learning rate is the
    declared one: `laketrain.train.lr_schedule` computes that of each step."""
    arguments = settings.model_dump(exclude=_OURS, exclude_none=True)
    if settings.accumulate > 1:
        arguments["gradient_accumulation_steps"] = settings.accumulate
    if settings.ema is not None:
        arguments |= {"use_ema": True, "ema_momentum": settings.ema}
    return _OPTIMIZERS[settings.name](**arguments)


@contextmanager
def compute_dtype(precision: str) -> Iterator[None]:
    """Layers created inside compute in this type, and keep their weights in float32."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(_POLICIES[precision])
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def load_matching_weights(networks: Networks, source: Networks) -> list[str]:
    """Copies the weights of `source`'s layers into those of the same name and shapes. Returns their names.

    A network takes the layers of the source's network of the same name; the predicting one, those of the source's
    predicting one.

    Raises:
        DataError: no layer matches.
    """
    loaded = []
    for name, network in networks.items():
        origin = source.predicting if name == networks.predict else source.get(name)
        layers = {} if origin is None else {layer.name: layer for layer in Networks.of(origin).layers}
        for layer in Networks.of(network).layers:
            other = layers.get(layer.name)
            if other is not None and [w.shape for w in layer.weights] == [w.shape for w in other.weights]:
                layer.set_weights(other.get_weights())
                loaded.append(layer.name)
    if not loaded:
        raise DataError("train", "init_from",
                        f"no layer of that model ({', '.join(sorted(layer.name for layer in source.layers))}) has the "
                        f"name and shapes of one of this model ({_names(networks)})",
                        "name a model of the same kind and settings")
    return loaded


def _freeze(networks: Networks, patterns: list[str]) -> None:
    for pattern in patterns:
        for layer in _matching(networks, pattern, "freeze"):
            layer.trainable = False


def _refuse_nothing_to_learn(networks: Networks, config: Train) -> None:
    if networks.trainable_variables:
        return
    if config.freeze and networks.layers:
        raise DataError("train", f"freeze {', '.join(map(repr, config.freeze))}", "leaves no layer that learns, of "
                        f"{_names(networks)}", "freeze fewer of them")
    raise DataError("train", "the model", "has no weights that training could change", "add a layer that learns")


def with_probabilities(model: keras.Model, outputs: Mapping[str, Output]) -> keras.Model:
    """A model of logits with softmax or sigmoid at its end, for each label and multilabel, and the same optimizer."""
    logits = model.output if isinstance(model.output, dict) else dict.fromkeys(outputs, model.output)
    predictions = {name: activated(name, output.task.activation, logits[name]) for name, output in outputs.items()}
    whole = keras.Model(model.input, predictions if isinstance(model.output, dict)
                        else next(iter(predictions.values())), name=model.name)
    whole.compile(optimizer=model.optimizer, jit_compile=False, auto_scale_loss=False)
    return whole


def _matching(networks: Networks, pattern: str, key: str) -> list[Any]:
    layers = [layer for layer in networks.layers if fnmatchcase(layer.name, pattern)]
    if not layers:
        raise DataError("train", f"{key} {pattern!r}", "fits no layer with weights",
                        nearest(pattern, [layer.name for layer in networks.layers]))
    return layers


def _names(networks: Networks) -> str:
    return ", ".join(layer.name for layer in networks.layers)


def regularise(networks: Networks, penalties: Regularise) -> None:
    """Adds penalties to every kernel. They are part of the network's config, so a saved one has them too.

    Raises:
        DataError: no layer has a kernel.
    """
    penalised = 0
    for layer in networks.layers:
        for kernel in _KERNELS:
            variable = getattr(layer, kernel, None)
            if variable is not None and hasattr(layer, f"{kernel}_regularizer"):
                penalty = keras.regularizers.L1L2(penalties.l1, penalties.l2)
                setattr(layer, f"{kernel}_regularizer", penalty)
                variable.regularizer = penalty
                penalised += 1
    if not penalised:
        raise DataError("train", "regularise", "is for kernels and embeddings, and no layer of the model has one",
                        "remove it")


def set_layer_rates(networks: Networks, rates: dict[str, float]) -> None:
    """Multiplies the learning rate of the layers that match a pattern; the first matching pattern counts.

    Raises:
        DataError: a pattern matches no layer, or none whose rate it would change.
    """
    if not rates:
        return
    factors: dict[int, float] = {}
    for pattern, factor in rates.items():
        layers = _matching(networks, pattern, "optimizer.layer_rates")
        trainable = {id(variable.value) for layer in layers for variable in layer.trainable_variables}
        if trainable <= factors.keys():
            raise DataError("train", f"optimizer.layer_rates {pattern!r}", "changes no rate: each layer that it fits "
                            "is frozen, or has that of a pattern before it",
                            "remove it, or write it before those that fit more layers")
        factors = {**dict.fromkeys(trainable, factor), **factors}
    if not any(factors.get(id(variable.value), 1.0) for variable in networks.trainable_variables):
        raise DataError("train", "optimizer.layer_rates", "multiplies the rate of every layer that learns by 0",
                        "leave one of them a rate")
    for optimizer in networks.optimizers:
        _scale_rates(getattr(optimizer, "inner_optimizer", optimizer), factors)


def _scale_rates(optimizer: Any, factors: dict[int, float]) -> None:
    """Scales the learning rate of each variable of `factors`, by the id of its TensorFlow variable."""
    update = optimizer.update_step

    @wraps(update)
    def scaled(gradient: Any, variable: Any, learning_rate: Any) -> None:
        update(gradient, variable, learning_rate * factors.get(id(variable), 1.0))

    optimizer.update_step = scaled
