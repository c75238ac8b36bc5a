"""Finds code in a model's config. A saved model is data, and one that could run code when it is loaded is refused.

    list(code_in(config))      # ["keras.layers.Lambda"]

Refused are Keras' Lambda layers, even around known functions, its layers that read other files or run programs of
other frameworks, and every class from outside Keras.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

_CODE = {"Lambda", "__lambda__", "TFSMLayer", "TorchModuleWrapper", "JaxLayer", "FlaxLayer"}


def code_in(config: Any) -> Iterator[str]:
    """The objects, as module and name, that the model's config would create and that are more than data."""
    for entry in _mappings(config):
        if "class_name" in entry:
            module, name = str(entry.get("module") or "keras"), str(entry["class_name"])
            # Keras also looks up `keras` and `layers.Lambda`, so a dot in the name hides the class.
            if name in _CODE or "." in name or not (module in ("builtins", "keras") or module.startswith("keras.")):
                yield f"{module}.{name}"


def functions_in(config: Any) -> Iterator[str]:
    """The functions that the config refers to by name only, such as a user's activation. They exist nowhere else."""
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
