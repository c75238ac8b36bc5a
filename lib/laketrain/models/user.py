"""A model of the user's own, by the function that makes it.

    model: {use: "my_models:small_net", settings: {units: 32}}
    model: {use: "my_models:scores", from_logits: true}           # its outputs are no probabilities yet

    def small_net(features, units):                       # my_models.py
        image = keras.Input(features["image"].shape, dtype="uint8", name="image")
        …
        return keras.Model({"image": image}, keras.layers.Dense(10, "softmax", name="label")(hidden))
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from itertools import chain
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from laketrain.config.base import UserCode
from laketrain.errors import DataError, LaketrainError, Problem, nearest
from laketrain.features import FeatureSet
from laketrain.imports import import_object, import_tensorflow, users_own
from laketrain.models.base import Model
from laketrain.models.heads import DISTRIBUTIONS, last_layer, output_shape
from laketrain.models.safe import code_in, functions_in
from laketrain.models.sequential import as_functional

if TYPE_CHECKING:
    import keras

_KEY = "train.model.use"
_WHY = ", which is code: a saved model is data, and this one could not be loaded again"
_WAY = "make it of Keras' own layers, activations and keras.ops"


class UserModel(Model):
    """`use(features, **settings)` gives a functional `keras.Model` of Keras' own layers: its inputs named as the
    features that the model sees, its output as the target wants it or, for several, a dict by target. Of a single
    input it may be a `keras.Sequential`."""

    name: Literal["user"] = "user"
    """Chooses this model; `use` alone does, too."""
    use: UserCode
    """The function, as `module:function`: found by the driver, and shipped to the ranks."""
    settings: dict[str, Any] = Field(default_factory=dict)
    """What the function is given beside the features, by name."""
    from_logits: bool = False
    """Whether the outputs for labels and multilabels are logits, without softmax or sigmoid. Losses are then computed
    from logits, and the committed model ends in the softmax or sigmoid, so that it gives probabilities."""

    @property
    def call(self) -> str:
        return self.use

    @property
    def gives_logits(self) -> bool:
        return self.from_logits

    def declared(self) -> dict[str, Any]:
        """The settings that were given; `use` names the model. Those of the function stay as they are."""
        return self.model_dump(mode="json", exclude_unset=True, exclude={"name"})

    def problems(self, features: FeatureSet) -> Iterator[Problem]:
        """Why the function can't be called. Whether its model fits the features is checked when it is built."""
        import_tensorflow()
        try:
            self.function()
        except LaketrainError as error:
            yield Problem.at((), f"of {self.use!r}: {error.problem}", error.hint)
            return
        if self.from_logits and not any(one.kind in DISTRIBUTIONS for one in features.targets.values()):
            kinds = ", ".join(f"{name} ({one.kind})" for name, one in features.targets.items())
            yield Problem.at((), f"of {self.use!r}: from_logits is for labels and multilabels, the targets are {kinds}",
                             "remove 'from_logits'")

    def function(self) -> Callable[..., Any]:
        """What `use` names. Raises LaketrainError where it is not there, or doesn't take the settings."""
        found = import_object(self.use, "train", _KEY)
        if not callable(found):
            raise LaketrainError("train", self.subject, f"is a {type(found).__name__}, expected a function",
                                 "name a function of the features that gives a keras.Model")
        try:
            inspect.signature(found).bind(None, **self.settings)
        except TypeError as error:
            parameters = list(inspect.signature(found).parameters)
            strange = [name for name in self.settings if name not in parameters]
            raise LaketrainError(
                "train", self.subject, f"can't be called with the features and the settings "
                f"{', '.join(self.settings) or 'none'}: {error}",
                nearest(strange[0], parameters[1:]) if strange else "look at 'train.model.settings'") from error
        return found

    def build(self, features: FeatureSet) -> keras.Model:
        return self.built_by(self.function(), features)

    def built_by(self, function: Callable[..., Any], features: FeatureSet) -> keras.Model:
        """What `function`, which the driver found and shipped, makes of the features. Raises DataError where that is no
        model of theirs."""
        import keras

        with users_own("train", self.subject):
            model = function(features, **self.settings)
        if not isinstance(model, keras.Model):
            raise self._wrong(f"gave a {type(model).__name__}, expected a keras.Model",
                              "return keras.Model(inputs, outputs)")
        if type(model).__name__ not in ("Functional", "Sequential"):
            raise self._wrong(f"gave a {type(model).__name__}, a class of its own that could not be loaded again",
                              "return keras.Model(inputs, outputs), made of Keras' own layers")
        self._check_layers(model)
        if isinstance(model, keras.Sequential):
            model = self._functional(model, features)
        self._check_loading(model)
        self._check_inputs(model, features)
        self._check_outputs(model, features)
        return model

    def _functional(self, model: keras.Sequential, features: FeatureSet) -> keras.Model:
        if len(features.inputs) != 1:
            raise self._wrong(f"gave a Sequential, which takes one input, and the dataset has {len(features.inputs)}: "
                              f"{', '.join(features.inputs)}", "return keras.Model({name: its Input, …}, outputs)")
        with users_own("train", self.subject):
            return as_functional(model, features)

    def _check_layers(self, model: keras.Model) -> None:
        """What the lake would refuse to load is refused before it is trained."""
        for layer in model._flatten_layers():
            module = type(layer).__module__
            if type(layer).__name__ == "Lambda" or not module.startswith("keras."):
                raise self._wrong(f"has the layer {layer.name!r} of {module}.{type(layer).__name__}{_WHY}", _WAY)

    def _check_loading(self, model: keras.Model) -> None:
        """Nor does it hold functions or objects of the user's own, such as an activation: of these it keeps names."""
        import keras

        try:
            config = keras.saving.serialize_keras_object(model)
            code = next(chain(code_in(config), functions_in(config)), None)
            if code is None:
                keras.saving.deserialize_keras_object(config, safe_mode=True)
        except Exception as error:  # whatever a layer makes of what it does not know
            said = str(error).strip().partition("\n")[0][:200] or type(error).__name__
            raise self._wrong(f"could not be loaded again: {said}", _WAY) from error
        if code is not None:
            raise self._wrong(f"holds {code}{_WHY}", _WAY)

    def _check_inputs(self, model: keras.Model, features: FeatureSet) -> None:
        names = [given.name for given in model.inputs]
        wanted = list(features.inputs)
        if sorted(names) != sorted(wanted):
            strange = next((name for name in names if name not in wanted), None)
            raise self._wrong(f"has the inputs {', '.join(names)}, expected {', '.join(wanted)}",
                              f"call it keras.Input(…, name={(strange and _near(strange, wanted)) or wanted[0]!r})")

    def _check_outputs(self, model: keras.Model, features: FeatureSet) -> None:
        given, targets = model.output, features.targets
        if len(targets) > 1 and (not isinstance(given, dict) or sorted(given) != sorted(targets)):
            said = f"a dict of {', '.join(given)}" if isinstance(given, dict) else "no dict"
            raise self._wrong(f"gives {said}, expected a dict of the targets {', '.join(targets)}",
                              "return keras.Model(inputs, {target: its output, …})")
        if len(targets) == 1 and not hasattr(given, "shape"):
            raise self._wrong("gives several outputs, and the dataset has one target",
                              "return keras.Model(inputs, output) with a single output")
        for name, target in targets.items():
            one = given[name] if isinstance(given, dict) else given
            shape = output_shape(target)
            if tuple(one.shape[1:]) != shape:
                raise self._wrong(f"gives {name!r} the shape {tuple(one.shape[1:])}, expected {shape} for a "
                                  f"{target.kind}", f"end in {last_layer(name, target)}")

    @property
    def subject(self) -> str:
        """What errors call it."""
        return f"{_KEY} {self.use!r}"

    def _wrong(self, problem: str, hint: str = "") -> DataError:
        return DataError("train", self.subject, problem, hint)


def _near(name: str, known: list[str]) -> str:
    import difflib

    return next(iter(difflib.get_close_matches(name, known, n=1)), "")
