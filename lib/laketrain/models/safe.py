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
    for entry in _mappings(config):
        if "class_name" in entry:
            module, name = str(entry.get("module") or "keras"), str(entry["class_name"])
            # Keras looks up `keras` and `layers.Lambda` too: a name with a dot hides what it is.
            if name in _CODE or "." in name or not (module in ("builtins", "keras") or module.startswith("keras.")):
                yield f"{module}.{name}"


def functions_in(config: Any) -> Iterator[str]:
    """The functions that the config only names, such as an activation of the user's own: nobody else has them."""
    for entry in _mappings(config):
        if entry.get("class_name") == "function":
            yield f"the function {entry.get('config')!r}"


def _mappings(config: Any) -> Iterator[dict[str, Any]]:
    """Every mapping in the config, at any depth, the outer ones first."""
    if isinstance(config, dict):
        yield config
    values = config.values() if isinstance(config, dict) else config if isinstance(config, list) else ()
    for value in values:
        yield from _mappings(value)
