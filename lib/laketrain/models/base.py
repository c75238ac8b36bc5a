"""What the models of the zoo share: which features they take, and how their parts come together.

    class Mlp(Model): ...
    Mlp().problems(features)       # why the model can't be built of these features, before Keras is imported

A model has a body for the kinds in `takes`; all other inputs that can be flat go beside what the body makes of those.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from laketrain.config.base import Section
from laketrain.errors import DataError, Problem
from laketrain.features import Feature, FeatureSet, Sequence
from laketrain.models.heads import heads
from laketrain.models.inputs import Front

if TYPE_CHECKING:
    import keras

Initializer = Literal["glorot_uniform", "glorot_normal", "he_uniform", "he_normal", "lecun_uniform", "lecun_normal",
                      "orthogonal", "random_normal", "random_uniform", "truncated_normal"]
Activation = Literal["relu", "gelu", "silu", "elu", "selu", "tanh", "leaky_relu"]

FLAT = ("number", "vector", "category", "bucket", "label", "multilabel")
"""Kinds of inputs that stand beside what a body makes of images, steps or texts."""
_SUITED = {"image": "cnn or resnet", "text": "text or rnn", "sequence": "rnn or tcn", "audio": "rnn or tcn"}
_TARGETS = ("label", "multilabel", "value", "sequence")


class Model(Section):
    """A model of the zoo: its settings, and `build` from a dataset's features to a `keras.Model`."""

    takes: ClassVar[tuple[str, ...]] = ()
    """Kinds of inputs that the body is for, of which at least one must be there; () where all are flattened."""
    flattens: ClassVar[tuple[str, ...]] = FLAT
    """Kinds of inputs that become numbers side by side."""
    of_kinds: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    """Settings that only inputs of some kinds have a use for, with those kinds; all others every input has."""

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

    def build(self, features: FeatureSet) -> keras.Model:
        """Inputs by the features' names to what each target wants. Raises DataError where they don't fit."""
        raise NotImplementedError

    def declared(self) -> dict[str, Any]:
        """The settings that a workload declares: the name and what was given. Numbers without a fraction are whole, so
        that `dropout: 0` and `dropout: 0.0` are one declaration."""
        given = self.model_dump(mode="json", exclude_unset=True)
        return {"name": self.name, **{key: int(value) if isinstance(value, float) and value.is_integer() else value
                                      for key, value in given.items()}}

    def problems(self, features: FeatureSet) -> Iterator[Problem]:
        """Why this model can't be built of these features; the first reason is enough."""
        inputs = features.inputs
        strange = {name: one for name, one in features.targets.items() if one.kind not in _TARGETS}
        if strange:
            name = next(iter(strange))
            yield Problem.at((), f"has no output for target {name!r} of kind {strange[name].kind}",
                             "use a model of your own: model: {use: 'module:function'}")
            return
        hidden = next((name for name, one in features.targets.items() if isinstance(one, Sequence) and one.mask), None)
        if hidden is not None:
            yield Problem.at((), f"can't say the mask of target {hidden!r}", "leave out the target's 'mask'")
            return
        if self.takes and not any(one.kind in self.takes for one in inputs.values()):
            wanted = " or ".join(self.takes)
            yield Problem.at((), f"needs an input of kind {wanted}, the dataset has {_said(inputs)}", _suited(inputs))
            return
        for name, one in inputs.items():
            if one.kind not in (*self.takes, *self.flattens):
                yield Problem.at((), f"doesn't take input {name!r} of kind {one.kind}", _suited(inputs))
                return
            if one.buckets and one.kind != "text" and one.kind not in self.takes:
                yield Problem.at((), f"needs rows of one length, and input {name!r} has buckets of {_listed(one)} "
                                 "steps", "use rnn or tcn, or give the feature one length")
                return

    def unused(self, features: FeatureSet) -> Iterator[Problem]:
        """The settings given that would change nothing with these features, each at its key."""
        kinds = {one.kind for one in features.inputs.values()}
        for key, wanted in self.of_kinds.items():
            given = getattr(self, key)
            if given != type(self).model_fields[key].default and not kinds & set(wanted):
                yield Problem.at((key,), f"{key} {given} is for inputs of kind {_either(wanted)}, and the dataset has "
                                 f"{_said(features.inputs)}", "Remove it, or declare such an input in "
                                 "'convert.features'")

    def front(self, features: FeatureSet, **settings: Any) -> Front:
        """The inputs. Raises DataError where the model doesn't fit them."""
        for problem in self.problems(features):
            raise DataError("train", f"model {self.name!r}", problem.problem, problem.hint)
        return Front.of(features, **settings)

    def bodies(self, front: Front, body: Callable[[Front, str, str], Any]) -> list[Any]:
        """What `body` makes of each input that it is for: of the front, the input's name, and what its layers' names
        begin with where there are several such inputs."""
        own = self.of_body(front.features)
        return [body(front, name, f"{name}_" if len(own) > 1 else "") for name in own]

    def beside(self, front: Front, bodies: list[Any]) -> Any:
        """What the bodies made of their inputs, and all flat inputs beside it, as one (batch, k)."""
        import keras

        flat = front.flat([name for name, one in front.features.inputs.items() if one.kind not in self.takes])
        parts = bodies if flat is None else [*bodies, flat]
        return parts[0] if len(parts) == 1 else keras.layers.Concatenate(name="all_inputs")(parts)

    def finish(self, front: Front, hidden: Any, initializer: str = "glorot_uniform") -> keras.Model:
        """The model from its inputs to a head for each target."""
        import keras

        return keras.Model(front.inputs, heads(front.features, hidden, initializer), name=self.name)

    def of_body(self, features: FeatureSet) -> list[str]:
        """The inputs that the body is for."""
        return [name for name, one in features.inputs.items() if one.kind in self.takes]


def _said(inputs: Mapping[str, Feature]) -> str:
    return ", ".join(f"{name} ({one.kind})" for name, one in inputs.items()) or "none"


def _either(kinds: tuple[str, ...]) -> str:
    *first, last = kinds
    return f"{', '.join(first)} or {last}" if first else last


def _suited(inputs: Mapping[str, Feature]) -> str:
    """The models that the zoo has for such inputs."""
    special = [kind for kind in _SUITED if any(one.kind == kind for one in inputs.values())]
    if not special:
        return "use mlp or linear, which take numbers, vectors and categories"
    if len(special) == 1:
        return f"use {_SUITED[special[0]]} for {special[0]} inputs"
    return "use mlp, which takes every kind at once, or a model of your own: model: {use: 'module:function'}"


def _listed(feature: Feature) -> str:
    return ", ".join(map(str, feature.buckets))
