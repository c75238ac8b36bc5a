"""Every model that a workload can name. A new one is a file and a line in `AnyModel`."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, RootModel, model_validator

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


class ModelBox(RootModel[AnyModel]):
    """Parses the YAML's `model:` into the class of that name; `use:` alone is a model of the user's own."""

    @model_validator(mode="before")
    @classmethod
    def _use_is_a_name(cls, value: Any) -> Any:
        return {"name": "user", **value} if isinstance(value, dict) and "use" in value else value


def parse_model(settings: dict[str, Any]) -> Model:
    """The declared model. Raises pydantic's ValidationError."""
    return ModelBox.model_validate(settings).root
