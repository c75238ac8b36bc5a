"""Names of keys before 0.1. Fingerprints contain them, since they must not change, and so do models of old lakes.

    former_train(config.model_dump(mode="json"))["plateau"]
    current_train(ModelManifest.of(model).config)["reduce_lr_on_plateau"]
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_TRAIN = {"retrain_when": "again", "reduce_lr_on_plateau": "plateau"}
_OPTIMIZER = {"gradient_dtype": "wire"}
_PLATEAU = {"min_lr_ratio": "least"}


def former_train(section: Mapping[str, Any]) -> dict[str, Any]:
    """A dump of `train`, with its keys renamed to the former ones."""
    former = _renamed(section, _TRAIN)
    former["keep"] = "best" if former.pop("restore_best") else "last"
    former["optimizer"] = _renamed(former["optimizer"], _OPTIMIZER)
    if former["plateau"] is not None:
        former["plateau"] = _renamed(former["plateau"], _PLATEAU)
    return former


def current_train(section: Mapping[str, Any]) -> dict[str, Any]:
    """A dump of `train`, maybe from an old lake, with former keys renamed to the current ones."""
    current = _renamed(section, _inverse(_TRAIN))
    if "keep" in current:
        current["restore_best"] = current.pop("keep") == "best"
    for key, names in (("optimizer", _OPTIMIZER), ("reduce_lr_on_plateau", _PLATEAU)):
        if isinstance(current.get(key), Mapping):
            current[key] = _renamed(current[key], _inverse(names))
    return current


def former_convert(section: Mapping[str, Any]) -> dict[str, Any]:
    """A dump of `convert`, with its keys renamed to the former ones."""
    return _renamed(section, {"leakage": "leaks"})


def _renamed(section: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    return {names.get(key, key): value for key, value in section.items()}


def _inverse(names: Mapping[str, str]) -> dict[str, str]:
    return {former: current for current, former in names.items()}
