"""A model of the user's own is built by the driver and tried on real rows, before any rank is launched.

    try_model(dataset, config)        # DataError: what can't work is told at once, with what to write instead

It is built in the driver's own process, where the module is imported and TensorFlow with it, since the function has to
be looked up there: a process of its own would import TensorFlow anew, for seconds. All of it happens on the CPU; a GPU
that TensorFlow finds is not filled. Nothing of it stays: the caller's random numbers go on as if nothing had been
drawn, and executors get the function, not the model. Models of the zoo need none of it.

That outputs are probabilities can't be seen by their numbers alone: a last layer may begin with zeros, small logits may
look like anything. So the weights are drawn anew, far from where they began. What a softmax or a sigmoid ends in stands
that; logits don't.
"""

from __future__ import annotations

import os
import random
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from laketrain.errors import DataError
from laketrain.features import Feature, FeatureSet
from laketrain.feed.dataset import Dataset
from laketrain.imports import import_tensorflow, users_own
from laketrain.lake import Version
from laketrain.models.heads import DISTRIBUTIONS, last_layer
from laketrain.models.outputs import WANTED, doubt_of
from laketrain.models.user import UserModel
from laketrain.workload import Train

if TYPE_CHECKING:
    import keras

ROWS = 8
"""As many are looked at."""
_SPREADS = (1.0, 0.1)
"""How far weights are moved: in a deep model the first may leave no finite number to look at."""
_WINDOW_MB = 1.0

Said = Mapping[str, npt.NDArray[Any]]


def try_model(dataset: Version, config: Train) -> None:
    """Does nothing for a model of the zoo.

    Raises:
        DataError: the user's function raises, or gives no model of these features, or one whose outputs are not what
            the targets are read as.
    """
    declared = config.model
    if not isinstance(declared, UserModel):
        return
    os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")  # notebooks go on, and ranks may want that GPU
    import_tensorflow()
    import tensorflow as tf

    from laketrain.train.compiling import computing_in

    features = Dataset(dataset).features
    with _nothing_drawn(), tf.device("CPU:0"):
        with computing_in("float32" if config.precision == "auto" else config.precision):
            model = declared.build(features)
        inputs = _inputs(Dataset(dataset), config)
        with users_own("train", declared.subject):
            said = list(_said(model, inputs, list(features.targets)))
    _judge(declared, model, features, said)


def _inputs(dataset: Dataset, config: Train) -> dict[str, Any]:
    """Some rows of the split that is learnt from, as a rank's model is given them."""
    rows = min(ROWS, dataset.rows(config.split))
    with (dataset.feed(config.split, rows, lanes=1, shuffle=False, window_mb=_WINDOW_MB) as feed,
          closing(feed.steps_of()) as batches):
        inputs: dict[str, Any] = next(batches)[0]
    return inputs


def _said(model: keras.Model, inputs: dict[str, Any], targets: list[str]) -> Iterator[Said]:
    """By target, what the model says as it begins, then with other weights."""
    draw = np.random.default_rng(0)
    starts = [np.asarray(variable.numpy()) for variable in model.trainable_variables]
    for spread in (0.0, *_SPREADS):
        for variable, start in zip(model.trainable_variables, starts, strict=True):
            moved = start + spread * draw.normal(size=start.shape)
            variable.assign(moved if variable.constraint is None or not spread else variable.constraint(
                moved.astype(start.dtype)))
        found = model(inputs, training=False)
        named = found if isinstance(found, dict) else {targets[0]: found}
        yield {name: np.asarray(one).astype(np.float64) for name, one in named.items()}


def _judge(declared: UserModel, model: keras.Model, features: FeatureSet, said: list[Said]) -> None:
    coarse = any(layer.compute_dtype in ("float16", "bfloat16") for layer in model._flatten_layers())
    for name, target in features.targets.items():
        if not np.isfinite(said[0][name]).all():
            raise DataError("train", declared.subject, f"says numbers for {name!r} that are not finite, of the first "
                            f"{len(said[0][name])} rows", "look at what its layers do with them before any training")
        doubts = [doubt_of(target, each[name], coarse) for each in said]
        if target.kind not in DISTRIBUTIONS or any(doubts) == declared.from_logits:
            continue
        raise (_turned_twice if declared.from_logits else _no_probabilities)(declared, model, name, target, doubts)


def _no_probabilities(declared: UserModel, model: keras.Model, name: str, target: Feature,
                      doubts: list[str | None]) -> DataError:
    others = "" if doubts[0] else " with other weights than its first"
    return DataError("train", declared.subject, f"says {next(filter(None, doubts))}{others} for the {target.kind} "
                     f"{name!r}, expected {WANTED[target.kind]}{_ending(model, name)}",
                     f"end in {last_layer(name, target)}, or, if these are logits, say so: "
                     f"model: {{use: {declared.use!r}, from_logits: true}}")


def _turned_twice(declared: UserModel, model: keras.Model, name: str, target: Feature,
                  doubts: list[str | None]) -> DataError:
    return DataError("train", declared.subject, f"has from_logits, and what it says for the {target.kind} {name!r} are "
                     f"probabilities already{_ending(model, name)}",
                     f"leave out its {DISTRIBUTIONS[target.kind]}, or remove 'train.model.from_logits'")


def _ending(model: keras.Model, name: str) -> str:
    """Which layer it ends in, with what activation, where that can be seen."""
    output = model.output[name] if isinstance(model.output, dict) else model.output
    layer = getattr(getattr(output, "_keras_history", None), "operation", None)
    activation = getattr(getattr(layer, "activation", None), "__name__", None)
    said = f" with activation {activation!r}" if activation else ""
    return f"; it ends in the {type(layer).__name__} {layer.name!r}{said}" if layer is not None else ""


@contextmanager
def _nothing_drawn() -> Iterator[None]:
    """What initialisers draw comes of Python's random numbers, which are the caller's."""
    states = random.getstate(), np.random.get_state()
    try:
        yield
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])
