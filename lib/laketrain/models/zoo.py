"""Every model that a workload can name. A new one is a file and a line in `AnyModel`; a plugin registers its own.

    register(MyModel)          # a subclass of Model with a `name: Literal["mine"] = "mine"`
    parse_model({"name": "mine", "units": 32})
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, TypeVar, get_args

from pydantic import Field, TypeAdapter, ValidatorFunctionWrapHandler, WrapValidator

from laketrain.models.base import Model
from laketrain.models.cnn import Cnn
from laketrain.models.linear import Linear
from laketrain.models.mlp import Mlp
from laketrain.models.resnet import Resnet
from laketrain.models.rnn import Rnn
from laketrain.models.tcn import Tcn
from laketrain.models.text import TextModel
from laketrain.models.user import UserModel
from laketrain.usercode.registry import Registry

AnyModel = Annotated[Cnn | Linear | Mlp | Resnet | Rnn | Tcn | TextModel | UserModel, Field(discriminator="name")]
M = TypeVar("M", bound=type[Model])


@dataclass(frozen=True)
class _Entry:
    """A class of models, by the default of its field `name`."""

    model: type[Model]

    @property
    def name(self) -> str:
        return str(self.model.model_fields["name"].default)

    @property
    def identity(self) -> str:
        return f"{self.model.__module__}.{self.model.__qualname__}"


_PACKAGE = get_args(get_args(AnyModel)[0])
_models = Registry[_Entry]("model", map(_Entry, _PACKAGE))


def register(model: M) -> M:
    """Adds a class of models, and returns it. Raises ValueError if another class has its name."""
    _models.register(_Entry(model))
    return model


def _parse(value: Any, handler: ValidatorFunctionWrapHandler) -> Any:
    """Registered models are parsed by their own class; `use` alone is a model of the user's own."""
    if isinstance(value, Model):
        return value
    if isinstance(value, dict):
        value = {"name": "user", **value} if "use" in value else value
        name = str(value.get("name"))
        if name in _models and _models[name].model not in _PACKAGE:
            return _models[name].model.model_validate(value)
    return handler(value)


DeclaredModel = Annotated[AnyModel, WrapValidator(_parse)]
"""The YAML's `model:`, parsed into the class of its name."""


_PARSER: TypeAdapter[Model] = TypeAdapter(DeclaredModel)


def parse_model(settings: dict[str, Any]) -> Model:
    """The declared model. Raises pydantic's ValidationError."""
    return _PARSER.validate_python(settings)
