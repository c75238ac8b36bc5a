"""What a model builds: one `keras.Model`, or several by name, one of which predicts.

    networks = Networks(predict="generator", generator=generator, discriminator=discriminator)
    networks["discriminator"], networks.predicting
    Networks.of(model)          # a single keras.Model, by the name "model"

Each network has its own optimizer. Checkpoints and the committed model contain all of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from laketrain.errors import DataError

if TYPE_CHECKING:
    import keras


class Networks(Mapping[str, "keras.Model"]):
    """Networks by name.

    Args:
        predict: the name of the network that evaluation and prediction use. networks: all of them, in a fixed order.

    Raises:
        DataError: `predict` names none of them, a name isn't an identifier, or two networks share weights.
    """

    def __init__(self, predict: str, **networks: keras.Model) -> None:
        self.predict = predict
        self._networks = networks
        if predict not in networks:
            raise DataError("train", "networks", f"predict is {predict!r}, expected one of {', '.join(networks)}",
                            "name the network that makes predictions")
        for name in networks:
            if not name.isidentifier():
                raise DataError("train", f"network {name!r}", "has a name that isn't an identifier",
                                "use letters, digits and underscores")
        self._refuse_shared_weights()

    @classmethod
    def of(cls, built: keras.Model | Networks) -> Networks:
        """`built` itself, or the networks of a single `keras.Model`."""
        return built if isinstance(built, Networks) else cls("model", model=built)

    def replace_predicting(self, model: keras.Model) -> Networks:
        """The same networks with another one that predicts."""
        return Networks(self.predict, **{**self._networks, self.predict: model})

    @property
    def predicting(self) -> keras.Model:
        """The network that evaluation and prediction use."""
        return self._networks[self.predict]

    @property
    def optimizers(self) -> list[Any]:
        """The optimizer of each network, once compiled."""
        return [network.optimizer for network in self._networks.values()]

    @property
    def layers(self) -> list[Any]:
        """Every layer that has weights of its own, nested ones too, in a fixed order."""
        return [layer for network in self._networks.values() for layer in network._flatten_layers(include_self=False)
                if layer._trainable_variables or layer._non_trainable_variables]

    @property
    def trainable_variables(self) -> list[Any]:
        """The weights that training may change."""
        return [variable for network in self._networks.values() for variable in network.trainable_variables]

    @property
    def count_params(self) -> int:
        """The number of weights of all networks."""
        return sum(int(network.count_params()) for network in self._networks.values())

    def _refuse_shared_weights(self) -> None:
        """Saved networks are loaded one by one, so a shared layer would become two."""
        owners: dict[int, str] = {}
        for name, network in self._networks.items():
            for weight in network.weights:
                other = owners.setdefault(id(weight), name)
                if other != name:
                    raise DataError("train", f"networks {other!r} and {name!r}", f"share the weight {weight.path!r}",
                                    "give each network its own layers, and combine them in the train step")

    def __getitem__(self, name: str) -> keras.Model:
        return self._networks[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._networks)

    def __len__(self) -> int:
        return len(self._networks)
