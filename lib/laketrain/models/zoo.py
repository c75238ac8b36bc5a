"""Every model that a workload can name. A new one is a file of its own and a line in `AnyModel`."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, Field, TypeAdapter

from laketrain.models.base import Model
from laketrain.models.cnn import Cnn
from laketrain.models.linear import Linear
from laketrain.models.mlp import Mlp
from laketrain.models.resnet import Resnet
from laketrain.models.rnn import Rnn
from laketrain.models.tcn import Tcn
from laketrain.models.text import TextModel
from laketrain.models.user import UserModel

AnyModel = Annotated[Cnn | Linear | Mlp | Resnet | Rnn | Tcn | TextModel | UserModel, Field(discriminator="name")]


def _named(value: Any) -> Any:
    """`use` alone is a model of the user's own."""
    return {"name": "user", **value} if isinstance(value, dict) and "use" in value else value


DeclaredModel = Annotated[AnyModel, BeforeValidator(_named)]
"""The YAML's `model:`, parsed into the class of its name."""
_PARSER: TypeAdapter[Model] = TypeAdapter(DeclaredModel)


def parse_model(settings: dict[str, Any]) -> Model:
    """The declared model. Raises pydantic's ValidationError."""
    return _PARSER.validate_python(settings)
