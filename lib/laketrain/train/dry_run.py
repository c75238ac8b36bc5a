"""Builds a model of the user's own on the driver and runs it on a few rows, before any rank is launched.

    dry_run(dataset, config)        # DataError: what can't work, and what to write instead

It runs in the driver's process, which imports the module and TensorFlow anyway to find the function. Another process
would import TensorFlow again, for seconds. Everything runs on the CPU, so GPU memory stays free. Nothing remains: the
caller's random numbers continue as if none had been drawn, and executors get the function, not the model. Models of the
zoo need no dry run.

A few outputs don't show whether they are probabilities: a last layer may start with zeros, and small logits may look
like anything. So the outputs are also computed with other, larger weights. Outputs of a softmax or sigmoid remain
probabilities, logits don't.
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
from laketrain.features import FeatureSet
from laketrain.feed.dataset import Dataset
from laketrain.imports import import_tensorflow
from laketrain.lake import Version
from laketrain.models.networks import Networks
from laketrain.models.user import UserModel
from laketrain.tasks import Output
from laketrain.usercode.errors import wrap_user_errors
from laketrain.workload import Train

if TYPE_CHECKING:
    import keras

ROWS = 8
"""The number of rows that the model is run on."""
_SPREADS = (1.0, 0.1)
"""Standard deviations of the change of weights. In a deep model the first may leave no finite output."""
_WINDOW_MB = 1.0

Outputs = Mapping[str, npt.NDArray[Any]]


def dry_run(dataset: Version, config: Train) -> None:
    """Does nothing for a model of the zoo.

    Raises:
        DataError: the user's function raises, or returns no model for these features, or one whose outputs don't suit
            the targets.
    """
    declared = config.model
    if not isinstance(declared, UserModel):
        return
    os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")  # a notebook continues, and ranks may need the GPU
    import_tensorflow()
    import tensorflow as tf

    from laketrain.train.compile import compute_dtype

    features = Dataset(dataset).features
    with _random_states_kept(), tf.device("CPU:0"):
        with compute_dtype("float32" if config.precision == "auto" else config.precision):
            model = Networks.of(declared.build(features)).predicting
        inputs = _inputs(Dataset(dataset), config)
        with wrap_user_errors("train", declared.subject):
            outputs = list(_outputs(model, inputs, list(declared.tasks(features))))
    _check_outputs(declared, model, features, outputs)


def _inputs(dataset: Dataset, config: Train) -> dict[str, Any]:
    """The first rows of the training split, as a rank's model gets them."""
    rows = min(ROWS, dataset.rows(config.split))
    with (dataset.feed(config.split, rows, lanes=1, shuffle=False, window_mb=_WINDOW_MB) as feed,
          closing(feed.batches()) as batches):
        inputs: dict[str, Any] = next(batches)[0]
    return inputs


def _outputs(model: keras.Model, inputs: dict[str, Any], targets: list[str]) -> Iterator[Outputs]:
    """The model's outputs by target: with its initial weights, then with others."""
    draw = np.random.default_rng(0)
    initial = [np.asarray(variable.numpy()) for variable in model.trainable_variables]
    for spread in (0.0, *_SPREADS):
        for variable, start in zip(model.trainable_variables, initial, strict=True):
            moved = start + spread * draw.normal(size=start.shape)
            variable.assign(moved if variable.constraint is None or not spread else variable.constraint(
                moved.astype(start.dtype)))
        outputs = model(inputs, training=False)
        named = outputs if isinstance(outputs, dict) else {targets[0]: outputs}
        yield {name: np.asarray(output).astype(np.float64) for name, output in named.items()}


def _check_outputs(declared: UserModel, model: keras.Model, features: FeatureSet, outputs: list[Outputs]) -> None:
    coarse = any(layer.compute_dtype in ("float16", "bfloat16") for layer in model._flatten_layers())
    for name, target in declared.tasks(features).items():
        if not np.isfinite(outputs[0][name]).all():
            raise DataError("train", declared.subject, f"outputs numbers for {name!r} that are not finite, in the "
                            f"first {len(outputs[0][name])} rows", "look at what its layers do with them before any "
                            "training")
        doubts = [target.task.output_problem(target.feature, each[name], coarse) for each in outputs]
        if target.task.activation is None or any(doubts) == declared.from_logits:
            continue
        raise (_probabilities_not_logits if declared.from_logits else _no_probabilities)(declared, model, name, target,
                                                                                         doubts)


def _no_probabilities(declared: UserModel, model: keras.Model, name: str, target: Output,
                      doubts: list[str | None]) -> DataError:
    others = "" if doubts[0] else " with other weights than its first"
    return DataError("train", declared.subject, f"outputs {next(filter(None, doubts))}{others} for the "
                     f"{target.feature.kind} {name!r}, expected {target.task.expected_outputs}"
                     f"{_last_layer_of(model, name)}",
                     f"end in {target.task.head_code(name, target.feature)}, or, if these are logits, declare them: "
                     f"model: {{use: {declared.use!r}, from_logits: true}}")


def _probabilities_not_logits(declared: UserModel, model: keras.Model, name: str, target: Output,
                              doubts: list[str | None]) -> DataError:
    return DataError("train", declared.subject, f"has from_logits, but its outputs for the {target.feature.kind} "
                     f"{name!r} are already probabilities{_last_layer_of(model, name)}",
                     f"leave out its {target.task.activation}, or remove 'train.model.from_logits'")


def _last_layer_of(model: keras.Model, name: str) -> str:
    """A clause that names the layer of an output and its activation, if they are known."""
    output = model.output[name] if isinstance(model.output, dict) else model.output
    layer = getattr(getattr(output, "_keras_history", None), "operation", None)
    activation = getattr(getattr(layer, "activation", None), "__name__", None)
    clause = f" with activation {activation!r}" if activation else ""
    return f"; it ends in the {type(layer).__name__} {layer.name!r}{clause}" if layer is not None else ""


@contextmanager
def _random_states_kept() -> Iterator[None]:
    """Keras' initialisers use the random numbers of Python and NumPy, whose states belong to the caller."""
    states = random.getstate(), np.random.get_state()
    try:
        yield
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])
