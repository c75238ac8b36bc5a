"""A model of the user's own, made by a function that the workload names.

    model: {use: "my_models:small_net", settings: {units: 32}}
    model: {use: "my_models:scores", from_logits: true}           # its outputs are logits

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
from laketrain.imports import import_tensorflow
from laketrain.models.base import Model
from laketrain.models.networks import Networks
from laketrain.models.safe_load import code_in, functions_in
from laketrain.models.sequential import as_functional
from laketrain.tasks import kinds_of
from laketrain.usercode.errors import wrap_user_errors
from laketrain.usercode.loading import import_object

if TYPE_CHECKING:
    import keras

_KEY = "train.model.use"
_WHY = ", which is code: a saved model is data, and this one could not be loaded again"
_HINT = "make it of Keras' own layers, activations and keras.ops"


class UserModel(Model):
    """`use(features, **settings)` returns a functional `keras.Model` of Keras' own layers. Its inputs are named as the
    input features; its output has the target's shape or, for several targets, is a dict by target. With a single input
    it may be a `keras.Sequential`. It may also return several `Networks`, one of which predicts."""

    name: Literal["user"] = "user"
    """Selects this model; `use` alone does, too."""
    use: UserCode
    """The function, as `module:function`: imported by the driver, and sent to the ranks."""
    settings: dict[str, Any] = Field(default_factory=dict)
    """Keyword arguments of the function."""
    from_logits: bool = False
    """Whether the outputs for labels and multilabels are logits, without softmax or sigmoid. Losses are then computed
    from logits, and the committed model gets the softmax or sigmoid, so that it outputs probabilities."""

    @property
    def call(self) -> str:
        return self.use

    @property
    def gives_logits(self) -> bool:
        return self.from_logits

    def declared(self) -> dict[str, Any]:
        """The settings that were given; `use` names the model. Those of the function stay as they are."""
        return self.model_dump(mode="json", exclude_unset=True, exclude={"name"})

    def without_defaults(self) -> dict[str, Any]:
        """Only the function knows the defaults of its own settings: these stay."""
        return self.model_dump(mode="json", exclude_defaults=True, exclude={"name"})

    def problems(self, features: FeatureSet) -> Iterator[Problem]:
        """Why the function can't be called. Whether its model fits the features is checked when it is built."""
        import_tensorflow()
        try:
            self.function()
        except LaketrainError as error:
            yield Problem.at((), f"of {self.use!r}: {error.problem}", error.hint)
            return
        outputs = self.tasks(features)
        if self.from_logits and not any(output.task.activation for output in outputs.values()):
            yield Problem.at((), f"of {self.use!r}: from_logits is for labels and multilabels, the targets are "
                             f"{kinds_of(outputs)}", "remove 'from_logits'")

    def function(self) -> Callable[..., Any]:
        """What `use` names. Raises LaketrainError if it doesn't exist, or doesn't take the settings."""
        function = import_object(self.use, "train", _KEY)
        if not callable(function):
            raise LaketrainError("train", self.subject, f"is a {type(function).__name__}, expected a function",
                                 "name a function of the features that returns a keras.Model")
        try:
            inspect.signature(function).bind(None, **self.settings)
        except TypeError as error:
            parameters = list(inspect.signature(function).parameters)
            unknown = [name for name in self.settings if name not in parameters]
            raise LaketrainError(
                "train", self.subject, f"can't be called with the features and the settings "
                f"{', '.join(self.settings) or 'none'}: {error}",
                nearest(unknown[0], parameters[1:]) if unknown else "look at 'train.model.settings'") from error
        return function

    def build(self, features: FeatureSet) -> keras.Model | Networks:
        return self.build_with(self.function(), features)

    def build_with(self, function: Callable[..., Any], features: FeatureSet) -> keras.Model | Networks:
        """The model that `function`, which the driver has looked up, builds for the features. Raises DataError if it
        isn't a model, or doesn't fit them."""
        with wrap_user_errors("train", self.subject):
            built = function(features, **self.settings)
        if not isinstance(built, Networks):
            return self._checked(built, features)
        others = {name: self._loadable(network) for name, network in built.items() if name != built.predict}
        predicting = self._checked(built.predicting, features)
        return Networks(built.predict, **{name: others.get(name, predicting) for name in built})

    def _checked(self, model: Any, features: FeatureSet) -> keras.Model:
        """The network that predicts, as a functional model."""
        import keras

        self._check_class(model)
        self._check_layers(model)
        if isinstance(model, keras.Sequential):
            model = self._functional(model, features)
        self._check_loading(model)
        self._check_inputs(model, features)
        self._check_outputs(model, features)
        return model

    def _loadable(self, model: Any) -> keras.Model:
        """A network of any inputs and outputs."""
        self._check_class(model)
        self._check_layers(model)
        self._check_loading(model)
        return model

    def _check_class(self, model: Any) -> None:
        import keras

        if not isinstance(model, keras.Model):
            raise self._error(f"returned a {type(model).__name__}, expected a keras.Model",
                              "return keras.Model(inputs, outputs)")
        if type(model).__name__ not in ("Functional", "Sequential"):
            raise self._error(f"returned a {type(model).__name__}, a class of its own that could not be loaded again",
                              "return keras.Model(inputs, outputs), made of Keras' own layers")

    def _functional(self, model: keras.Sequential, features: FeatureSet) -> keras.Model:
        if len(features.inputs) != 1:
            raise self._error(f"returned a Sequential, which takes one input, and the dataset has "
                              f"{len(features.inputs)}: {', '.join(features.inputs)}",
                              "return keras.Model({name: its Input, …}, outputs)")
        with wrap_user_errors("train", self.subject):
            return as_functional(model, features)

    def _check_layers(self, model: keras.Model) -> None:
        """Refuses before training what the lake would refuse to load."""
        for layer in model._flatten_layers():
            module = type(layer).__module__
            if type(layer).__name__ == "Lambda" or not module.startswith("keras."):
                raise self._error(f"has the layer {layer.name!r} of {module}.{type(layer).__name__}{_WHY}", _HINT)

    def _check_loading(self, model: keras.Model) -> None:
        """Refuses functions and objects of the user's own, such as an activation: a saved model only names them."""
        import keras

        try:
            config = keras.saving.serialize_keras_object(model)
            code = next(chain(code_in(config), functions_in(config)), None)
            if code is None:
                keras.saving.deserialize_keras_object(config, safe_mode=True)
        except Exception as error:  # whatever a layer raises for a config it doesn't expect
            message = str(error).strip().partition("\n")[0][:200] or type(error).__name__
            raise self._error(f"could not be loaded again: {message}", _HINT) from error
        if code is not None:
            raise self._error(f"contains {code}{_WHY}", _HINT)

    def _check_inputs(self, model: keras.Model, features: FeatureSet) -> None:
        names = [each.name for each in model.inputs]
        expected = list(features.inputs)
        if sorted(names) != sorted(expected):
            unknown = next((name for name in names if name not in expected), None)
            name = (unknown and _nearest(unknown, expected)) or expected[0]
            raise self._error(f"has the inputs {', '.join(names)}, expected {', '.join(expected)}",
                              f"call it keras.Input(…, name={name!r})")

    def _check_outputs(self, model: keras.Model, features: FeatureSet) -> None:
        outputs, targets = model.output, self.tasks(features)
        if len(targets) > 1 and (not isinstance(outputs, dict) or sorted(outputs) != sorted(targets)):
            received = f"a dict of {', '.join(outputs)}" if isinstance(outputs, dict) else "no dict"
            raise self._error(f"outputs {received}, expected a dict of the targets {', '.join(targets)}",
                              "return keras.Model(inputs, {target: its output, …})")
        if len(targets) == 1 and not hasattr(outputs, "shape"):
            raise self._error("has several outputs, and the dataset has one target",
                              "return keras.Model(inputs, output) with a single output")
        for name, target in targets.items():
            output = outputs[name] if isinstance(outputs, dict) else outputs
            if tuple(output.shape[1:]) != target.shape:
                raise self._error(f"outputs {name!r} in the shape {tuple(output.shape[1:])}, expected {target.shape} "
                                  f"for a {target.feature.kind}",
                                  f"end in {target.task.head_code(name, target.feature)}")

    @property
    def subject(self) -> str:
        """How errors refer to it."""
        return f"{_KEY} {self.use!r}"

    def _error(self, problem: str, hint: str = "") -> DataError:
        return DataError("train", self.subject, problem, hint)


def _nearest(name: str, names: list[str]) -> str:
    import difflib

    return next(iter(difflib.get_close_matches(name, names, n=1)), "")
