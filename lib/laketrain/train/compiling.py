"""From a declaration to a model that is ready to be trained: its weights, penalties and optimizer.

    model = compiled(task.config, features, source=None)
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
from laketrain.models.heads import probabilities
from laketrain.models.user import UserModel
from laketrain.workload import Train

_OPTIMIZERS: dict[str, Any] = {
    "sgd": keras.optimizers.SGD, "adam": keras.optimizers.Adam, "adamw": keras.optimizers.AdamW,
    "nadam": keras.optimizers.Nadam, "adamax": keras.optimizers.Adamax, "lamb": keras.optimizers.Lamb,
    "lion": keras.optimizers.Lion, "rmsprop": keras.optimizers.RMSprop, "adagrad": keras.optimizers.Adagrad,
    "adadelta": keras.optimizers.Adadelta, "adafactor": keras.optimizers.Adafactor, "ftrl": keras.optimizers.Ftrl,
}
_OURS = {"name", "schedule", "accumulate", "ema", "layer_rates", "gradient_dtype"}
_POLICIES = {"float32": "float32", "bfloat16": "mixed_bfloat16", "float16": "mixed_float16"}
# What penalties are for: the weights that multiply, not those that shift or scale.
_KERNELS = ("kernel", "depthwise_kernel", "pointwise_kernel", "recurrent_kernel", "embeddings")


def compiled(config: Train, features: FeatureSet, source: keras.Model | None, precision: str,
             user: Mapping[str, Any]) -> keras.Model:
    """The model with fresh weights, or those of `source` where it has the same layers, and its optimizer.

    Args:
        precision: float32, bfloat16 or float16: what layers compute in.
        user: the user's own functions, by `module:function`.

    Raises:
        DataError: a pattern fits no layer, or `source` has no weights for this model.
    """
    with computing_in(precision):
        declared = config.model
        model: keras.Model = (declared.built_by(user[declared.use], features)
                              if isinstance(declared, UserModel) and declared.use in user else declared.build(features))
    if source is not None:
        take_weights(model, source)
    _freeze(model, config.freeze)
    _refuse_nothing_to_learn(model, config)
    if config.regularise is not None:
        regularise(model, config.regularise)
    optimizer = build_optimizer(config.optimizer)
    if precision == "float16":
        optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
    model.compile(optimizer=optimizer, jit_compile=False, auto_scale_loss=False)
    optimizer.build(model.trainable_variables)
    return model


def build_optimizer(settings: Optimizer) -> keras.optimizers.Optimizer:
    """The Keras optimizer with the settings that were given; the others keep Keras' defaults. Its learning rate is the
    declared one: `laketrain.train.rates` says which one each step has."""
    given = settings.model_dump(exclude=_OURS, exclude_none=True)
    if settings.accumulate > 1:
        given["gradient_accumulation_steps"] = settings.accumulate
    if settings.ema is not None:
        given |= {"use_ema": True, "ema_momentum": settings.ema}
    return _OPTIMIZERS[settings.name](**given)


@contextmanager
def computing_in(precision: str) -> Iterator[None]:
    """Layers that are made in here compute in this type, and keep weights in float32."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(_POLICIES[precision])
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def layers_of(model: keras.Model) -> list[Any]:
    """Every layer with weights of its own, also those inside other layers, in order."""
    return [layer for layer in model._flatten_layers(include_self=False) if layer._trainable_variables
            or layer._non_trainable_variables]


def take_weights(model: keras.Model, source: keras.Model) -> list[str]:
    """Layers of the same name and shapes get the weights of `source`; their names.

    Raises:
        DataError: there is none.
    """
    given = {layer.name: layer for layer in layers_of(source)}
    taken = []
    for layer in layers_of(model):
        other = given.get(layer.name)
        if other is not None and [w.shape for w in layer.weights] == [w.shape for w in other.weights]:
            layer.set_weights(other.get_weights())
            taken.append(layer.name)
    if not taken:
        raise DataError("train", "init_from", f"no layer of that model ({', '.join(sorted(given))}) has the name and "
                        f"shapes of one of this model ({', '.join(layer.name for layer in layers_of(model))})",
                        "name a model of the same kind and settings")
    return taken


def _freeze(model: keras.Model, patterns: list[str]) -> None:
    for pattern in patterns:
        for layer in _fitting(model, pattern, "freeze"):
            layer.trainable = False


def _refuse_nothing_to_learn(model: keras.Model, config: Train) -> None:
    if model.trainable_variables:
        return
    if config.freeze and layers_of(model):
        raise DataError("train", f"freeze {', '.join(map(repr, config.freeze))}", "leaves no layer that learns, of "
                        f"{', '.join(layer.name for layer in layers_of(model))}", "freeze fewer of them")
    raise DataError("train", "the model", "has no weights that training could change", "add a layer that learns")


def with_probabilities(model: keras.Model, features: FeatureSet) -> keras.Model:
    """A model of logits with softmax or sigmoid at its end, for each label and multilabel, and the same optimizer."""
    given = model.output if isinstance(model.output, dict) else dict.fromkeys(features.targets, model.output)
    said = {name: probabilities(name, features[name], given[name]) for name in features.targets}
    whole = keras.Model(model.input, said if isinstance(model.output, dict) else next(iter(said.values())),
                        name=model.name)
    whole.compile(optimizer=model.optimizer, jit_compile=False, auto_scale_loss=False)
    return whole


def _fitting(model: keras.Model, pattern: str, key: str) -> list[Any]:
    layers = layers_of(model)
    found = [layer for layer in layers if fnmatchcase(layer.name, pattern)]
    if not found:
        raise DataError("train", f"{key} {pattern!r}", "fits no layer with weights",
                        nearest(pattern, [layer.name for layer in layers]))
    return found


def regularise(model: keras.Model, penalties: Regularise) -> None:
    """Penalties on every kernel. They are a part of the model's own description, so a saved one has them too.

    Raises:
        DataError: there is no kernel.
    """
    penalised = 0
    for layer in layers_of(model):
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


def set_layer_rates(model: keras.Model, rates: dict[str, float]) -> None:
    """Lets the optimizer step with another rate in the layers that fit a pattern.

    Raises:
        DataError: a pattern fits no layer, or none whose rate it would change.
    """
    if not rates:
        return
    factors: dict[int, float] = {}
    for pattern, factor in rates.items():
        layers = _fitting(model, pattern, "optimizer.layer_rates")
        learning = {id(variable.value) for layer in layers for variable in layer.trainable_variables}
        if learning <= factors.keys():
            raise DataError("train", f"optimizer.layer_rates {pattern!r}", "changes no rate: each layer that it fits "
                            "is frozen, or has that of a pattern before it",
                            "remove it, or write it before those that fit more layers")
        factors = {**dict.fromkeys(learning, factor), **factors}
    if not any(factors.get(id(variable.value), 1.0) for variable in model.trainable_variables):
        raise DataError("train", "optimizer.layer_rates", "multiplies the rate of every layer that learns by 0",
                        "leave one of them a rate")
    optimizer = getattr(model.optimizer, "inner_optimizer", model.optimizer)
    update = optimizer.update_step

    @wraps(update)
    def scaled(gradient: Any, variable: Any, learning_rate: Any) -> None:  # of TensorFlow's variables, not Keras'
        update(gradient, variable, learning_rate * factors.get(id(variable), 1.0))

    optimizer.update_step = scaled

