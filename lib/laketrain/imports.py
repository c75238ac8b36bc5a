"""Imports by name: TensorFlow without its greetings, which no log level of its own keeps from the terminal, and what
a user names in the YAML.

    import_tensorflow()
    import keras
    build = import_object("my_models:small_net", stage="train", key="train.model.use")
"""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
from collections.abc import Iterator
from typing import Any

from laketrain.errors import LaketrainError, nearest


def import_tensorflow() -> None:
    """Imports TensorFlow; what it writes to the process's standard error meanwhile is dropped. An import that fails
    raises as ever."""
    if "tensorflow" in sys.modules:
        return
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    with _no_stderr():
        importlib.import_module("tensorflow")


def import_object(reference: str, stage: str, key: str) -> Any:
    """What `module:name` names: a function or class of the user's.

    Args:
        stage: in which it is needed. key: where the YAML names it, such as `train.model.use`.

    Raises:
        LaketrainError: there is no such module (it says where was looked), its import fails, or it has no such name.
    """
    subject = f"{key} {reference!r}"
    module, _, name = reference.partition(":")
    if not module or not name:
        raise LaketrainError(stage, subject, "is not of the form module:name", "write e.g. my_models:small_net")
    try:
        found = importlib.import_module(module)
    except ModuleNotFoundError as error:
        # A module that it imports itself may be what is missing.
        if not error.name or not f"{module}.".startswith(f"{error.name}."):
            raise _import_fails(error, module, stage, subject) from error
        raise LaketrainError(stage, subject, f"there is no module {error.name!r} in {_search_path()}",
                             "install it, or put its folder into PYTHONPATH") from error
    except Exception as error:  # whatever the user's own module raises
        raise _import_fails(error, module, stage, subject) from error
    if not hasattr(found, name):
        names = [one for one in vars(found) if not one.startswith("_")]
        raise LaketrainError(stage, subject, f"module {module!r} has no {name!r}", nearest(name, names))
    return getattr(found, name)


def _import_fails(error: Exception, module: str, stage: str, subject: str) -> LaketrainError:
    return LaketrainError(stage, subject, f"the import of {module!r} fails: {type(error).__name__}: {error}",
                          f"try `python -c 'import {module}'`")


def _search_path() -> str:
    return ", ".join(part or os.getcwd() for part in sys.path) or "an empty search path"


@contextlib.contextmanager
def _no_stderr() -> Iterator[None]:
    """Standard error goes nowhere, also for C++ code, which writes to the descriptor and not to `sys.stderr`."""
    sys.stderr.flush()
    kept = os.dup(2)
    try:
        with open(os.devnull, "w") as nowhere:
            os.dup2(nowhere.fileno(), 2)
            yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
