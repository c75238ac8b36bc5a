"""The base of the zoo's models: which features they take, and how their parts are assembled.

    class Mlp(Model): ...
    Mlp().problems(features)       # why the model can't be built of these features, before Keras is imported

A model has a body for inputs of the kinds in `takes`. Its outputs are concatenated with all other inputs, flattened.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from laketrain.config.base import Section
from laketrain.errors import DataError, Problem
from laketrain.features import Feature, FeatureSet
from laketrain.models.heads import heads
from laketrain.models.inputs import InputLayers
from laketrain.tasks import Output, default_outputs

if TYPE_CHECKING:
    import keras

    from laketrain.models.networks import Networks
    from laketrain.models.train_step import TrainStep

Initializer = Literal["glorot_uniform", "glorot_normal", "he_uniform", "he_normal", "lecun_uniform", "lecun_normal",
                      "orthogonal", "random_normal", "random_uniform", "truncated_normal"]
Activation = Literal["relu", "gelu", "silu", "elu", "selu", "tanh", "leaky_relu"]

FLAT = ("number", "vector", "category", "bucket", "label", "multilabel")
"""Kinds of inputs that are concatenated with the output of a body for images, steps or texts."""
_SUITED = {"image": "cnn or resnet", "text": "text or rnn", "sequence": "rnn or tcn", "audio": "rnn or tcn"}


class Model(Section):
    """A model of the zoo: its settings, and `build` from a dataset's features to a `keras.Model`."""

    takes: ClassVar[tuple[str, ...]] = ()
    """Kinds of inputs for the body; the dataset must have at least one. () if all inputs are flattened."""
    flattens: ClassVar[tuple[str, ...]] = FLAT
    """Kinds of inputs that are flattened and concatenated."""
    of_kinds: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    """Settings that only apply to some kinds of inputs, with those kinds."""

    if TYPE_CHECKING:
        name: str

    @property
    def call(self) -> str | None:
        """The user's function that makes the model, as `module:function`; None for a model of the zoo."""
        return None

    @property
    def gives_logits(self) -> bool:
        """Whether outputs for labels and multilabels are logits while the model is trained."""
        return False

    def build(self, features: FeatureSet) -> keras.Model | Networks:
        """The model, or several networks of which one predicts. The predicting one maps inputs, named as the features,
        to an output for each target. Raises DataError if the features don't suit this model."""
        raise NotImplementedError

    def tasks(self, features: FeatureSet) -> dict[str, Output]:
        """What the model learns, by the name of its output: by default each target, by the task of its kind. Raises
        DataError if a target names a task that can't learn it."""
        return default_outputs(features)

    def train_step(self) -> TrainStep | None:
        """The model's own way to train on a batch; None for supervised training."""
        return None

    def declared(self) -> dict[str, Any]:
        """The name and the settings that the workload spells out. Numbers without a fraction become integers, so that
        `dropout: 0` and `dropout: 0.0` are the same declaration."""
        return {"name": self.name, **_whole(self.model_dump(mode="json", exclude_unset=True))}

    def without_defaults(self) -> dict[str, Any]:
        """The declaration without the settings that equal their default, so that spelling one out changes nothing."""
        return {"name": self.name, **_whole(self.model_dump(mode="json", exclude_defaults=True))}

    def problems(self, features: FeatureSet) -> Iterator[Problem]:
        """Why this model can't be built of these features; the first reason is enough."""
        inputs = features.inputs
        for name, output in self.tasks(features).items():
            if problem := output.task.model_problem(name, output.feature):
                yield Problem.at((), *problem)
                return
        if self.takes and not any(feature.kind in self.takes for feature in inputs.values()):
            expected = " or ".join(self.takes)
            yield Problem.at((), f"needs an input of kind {expected}, the dataset has {_list_kinds(inputs)}",
                             _suited(inputs))
            return
        for name, feature in inputs.items():
            if feature.kind not in (*self.takes, *self.flattens):
                yield Problem.at((), f"doesn't take input {name!r} of kind {feature.kind}", _suited(inputs))
                return
            if feature.buckets and feature.kind != "text" and feature.kind not in self.takes:
                yield Problem.at((), f"needs rows of one length, and input {name!r} has buckets of "
                                 f"{_bucket_lengths(feature)} steps", "use rnn or tcn, or give the feature one length")
                return

    def unused(self, features: FeatureSet) -> Iterator[Problem]:
        """The settings that have no effect with these features, each at its key."""
        kinds = {feature.kind for feature in features.inputs.values()}
        for key, expected in self.of_kinds.items():
            value = getattr(self, key)
            if value != type(self).model_fields[key].default and not kinds & set(expected):
                yield Problem.at((key,), f"{key} {value} is for inputs of kind {_either(expected)}, and the dataset "
                                 f"has {_list_kinds(features.inputs)}", "Remove it, or declare such an input in "
                                 "'convert.features'")

    def input_layers(self, features: FeatureSet, **settings: Any) -> InputLayers:
        """The input layers. Raises DataError if the features don't suit the model."""
        for problem in self.problems(features):
            raise DataError("train", f"model {self.name!r}", problem.problem, problem.hint)
        return InputLayers.of(features, **settings)

    def bodies(self, inputs: InputLayers, body: Callable[[InputLayers, str, str], Any]) -> list[Any]:
        """The outputs of `body` for each of its inputs. It is called with the input layers, the input's name, and a
        prefix for names of layers, which isn't empty if there are several such inputs."""
        names = self.body_inputs(inputs.features)
        return [body(inputs, name, f"{name}_" if len(names) > 1 else "") for name in names]

    def merge_inputs(self, inputs: InputLayers, bodies: list[Any]) -> Any:
        """(batch, k): the outputs of the bodies and all flat inputs, concatenated."""
        import keras

        flat = inputs.flat([name for name, feature in inputs.features.inputs.items() if feature.kind not in self.takes])
        parts = bodies if flat is None else [*bodies, flat]
        return parts[0] if len(parts) == 1 else keras.layers.Concatenate(name="all_inputs")(parts)

    def add_heads(self, inputs: InputLayers, hidden: Any, initializer: str = "glorot_uniform") -> keras.Model:
        """The model from its inputs to a head for each target."""
        import keras

        outputs = heads(inputs.features, hidden, initializer, self.tasks(inputs.features))
        return keras.Model(inputs.inputs, outputs, name=self.name)

    def body_inputs(self, features: FeatureSet) -> list[str]:
        """The names of the inputs for the body."""
        return [name for name, feature in features.inputs.items() if feature.kind in self.takes]


def _whole(settings: Mapping[str, Any]) -> dict[str, Any]:
    return {key: int(value) if isinstance(value, float) and value.is_integer() else value
            for key, value in settings.items()}


def _list_kinds(inputs: Mapping[str, Feature]) -> str:
    return ", ".join(f"{name} ({feature.kind})" for name, feature in inputs.items()) or "none"


def _either(kinds: tuple[str, ...]) -> str:
    *first, last = kinds
    return f"{', '.join(first)} or {last}" if first else last


def _suited(inputs: Mapping[str, Feature]) -> str:
    """A hint at the models of the zoo for these inputs."""
    special = [kind for kind in _SUITED if any(feature.kind == kind for feature in inputs.values())]
    if not special:
        return "use mlp or linear, which take numbers, vectors and categories"
    if len(special) == 1:
        return f"use {_SUITED[special[0]]} for {special[0]} inputs"
    return "use mlp, which takes every kind at once, or a model of your own: model: {use: 'module:function'}"


def _bucket_lengths(feature: Feature) -> str:
    return ", ".join(map(str, feature.buckets))
