"""Every model that a workload can name. A new one is a file of its own and a line in `AnyModel`."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, RootModel

from laketrain.models.cnn import Cnn
from laketrain.models.linear import Linear

AnyModel = Annotated[Cnn | Linear, Field(discriminator="name")]


class ModelBox(RootModel[AnyModel]):
    """Parses the YAML's `model:` into the class of that name."""


def parse_model(settings: dict[str, Any]) -> Cnn | Linear:
    """The declared model. Raises pydantic's ValidationError."""
    return ModelBox.model_validate(settings).root
