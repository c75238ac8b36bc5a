"""Imports what a user names in the YAML.

    build = import_object("my_models:small_net", stage="train", key="train.model.use")
"""

from __future__ import annotations

import importlib
import os
import sys
from typing import Any

from laketrain.errors import LaketrainError, nearest


def import_object(reference: str, stage: str, key: str) -> Any:
    """The function or class that `module:name` names.

    Args:
        stage: the stage that needs it. key: where the YAML names it, such as `train.model.use`.

    Raises:
        LaketrainError: there is no such module (the message lists where it was searched), its import fails, or it has
            no such name.
    """
    subject = f"{key} {reference!r}"
    module, _, name = reference.partition(":")
    if not module or not name:
        raise LaketrainError(stage, subject, "is not of the form module:name", "write e.g. my_models:small_net")
    try:
        imported = importlib.import_module(module)
    except ModuleNotFoundError as error:
        # What is missing may be a module that it imports.
        if not error.name or not f"{module}.".startswith(f"{error.name}."):
            raise _import_fails(error, module, stage, subject) from error
        raise LaketrainError(stage, subject, f"there is no module {error.name!r} in {_search_path()}",
                             "install it, or put its folder into PYTHONPATH") from error
    except Exception as error:  # whatever the user's module raises
        raise _import_fails(error, module, stage, subject) from error
    if not hasattr(imported, name):
        names = [each for each in vars(imported) if not each.startswith("_")]
        raise LaketrainError(stage, subject, f"module {module!r} has no {name!r}", nearest(name, names))
    return getattr(imported, name)


def _import_fails(error: Exception, module: str, stage: str, subject: str) -> LaketrainError:
    return LaketrainError(stage, subject, f"the import of {module!r} fails: {type(error).__name__}: {error}",
                          f"try `python -c 'import {module}'`")


def _search_path() -> str:
    return ", ".join(part or os.getcwd() for part in sys.path) or "an empty search path"
