"""Networks of a model by name."""

from __future__ import annotations

from typing import Any

import pytest

from laketrain.errors import DataError
from laketrain.imports import import_tensorflow
from laketrain.models.networks import Networks

pytestmark = pytest.mark.slow


def network(layer: Any = None) -> Any:
    import_tensorflow()
    import keras

    inputs = keras.Input((2,))
    return keras.Model(inputs, (layer or keras.layers.Dense(1))(inputs))


def test_a_single_model_is_the_network_that_predicts() -> None:
    model = network()
    networks = Networks.of(model)
    assert list(networks) == ["model"]
    assert networks.predicting is model
    assert Networks.of(networks) is networks
    assert networks.count_params == 3


def test_one_of_several_networks_predicts() -> None:
    generator, critic, other = network(), network(), network()
    networks = Networks("generator", generator=generator, critic=critic)
    assert networks.predicting is generator
    assert len(networks.layers) == 2 and len(networks.trainable_variables) == 4
    assert networks.replace_predicting(other).predicting is other
    with pytest.raises(DataError, match="expected one of generator, critic"):
        Networks("generatr", generator=generator, critic=critic)


def test_networks_share_no_weights() -> None:
    import_tensorflow()
    import keras

    layer = keras.layers.Dense(1)
    with pytest.raises(DataError, match="share the weight"):
        Networks("a", a=network(layer), b=network(layer))
