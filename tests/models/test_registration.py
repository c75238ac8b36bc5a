"""A plugin's model is registered once, and then declared by its name like those of the zoo."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from typing import Any, Literal

import pytest
from pydantic import Field, ValidationError

from laketrain.features import FeatureSet
from laketrain.models import parse_model, register
from laketrain.models.base import Model
from laketrain.models.zoo import _models


class Scale(Model):
    name: Literal["scale"] = "scale"
    factor: float = Field(default=2.0, gt=0)

    def build(self, features: FeatureSet) -> Any:
        return self.factor


@pytest.fixture(autouse=True)
def _forgotten_afterwards() -> Iterator[None]:
    before = dict(_models._parts)
    yield
    _models._parts = before


def test_a_registered_model_is_declared_by_its_name() -> None:
    assert register(Scale) is Scale
    model = parse_model({"name": "scale", "factor": 3})
    assert isinstance(model, Scale) and model.factor == 3.0
    assert pickle.loads(pickle.dumps(model)) == model
    assert type(parse_model({"name": "linear"})).__name__ == "Linear"


def test_settings_of_a_registered_model_are_checked() -> None:
    register(Scale)
    with pytest.raises(ValidationError, match="greater than 0"):
        parse_model({"name": "scale", "factor": -1})
    with pytest.raises(ValidationError, match="scle"):
        parse_model({"name": "scle"})


def test_another_class_cannot_have_the_name_of_a_model() -> None:
    register(Scale)
    register(Scale)  # as when a notebook's module is reloaded

    class Cnn(Model):
        name: Literal["cnn"] = "cnn"

    with pytest.raises(ValueError, match=r"model 'cnn' is registered by laketrain.models.cnn.Cnn already"):
        register(Cnn)
