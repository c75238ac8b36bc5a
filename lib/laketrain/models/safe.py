"""What of a model's config is code: a saved model is data, and what could run code when it is loaded is refused.

    list(code_in(config))      # ["keras.layers.Lambda"]

Of Keras' own: Lambda layers, also those around known functions, and layers that read other files or run other
frameworks' programs. Of anybody else's: all.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

_CODE = {"Lambda", "__lambda__", "TFSMLayer", "TorchModuleWrapper", "JaxLayer", "FlaxLayer"}


def code_in(config: Any) -> Iterator[str]:
    """The objects, by module and name, that the config of a model would make and that are more than data."""
    if isinstance(config, dict):
        if "class_name" in config:
            module, name = str(config.get("module") or "keras"), str(config["class_name"])
            # Keras looks up `keras` and `layers.Lambda` too: a name with a dot hides what it is.
            if name in _CODE or "." in name or not (module in ("builtins", "keras") or module.startswith("keras.")):
                yield f"{module}.{name}"
        for value in config.values():
            yield from code_in(value)
    elif isinstance(config, list):
        for value in config:
            yield from code_in(value)


def functions_in(config: Any) -> Iterator[str]:
    """The functions that the config only names, such as an activation of the user's own: nobody else has them."""
    if isinstance(config, dict):
        if config.get("class_name") == "function":
            yield f"the function {config.get('config')!r}"
        for value in config.values():
            yield from functions_in(value)
    elif isinstance(config, list):
        for value in config:
            yield from functions_in(value)
