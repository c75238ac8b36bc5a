"""Imports by name: TensorFlow without its greetings, which no log level of its own keeps from the terminal, and what
a user names in the YAML, whose errors are told by the user's own file and line.

    import_tensorflow()
    import keras
    build = import_object("my_models:small_net", stage="train", key="train.model.use")
    with users_own("train", "train.model.use 'my_models:small_net'"):
        model = build(features)
"""

from __future__ import annotations

import contextlib
import importlib
import os
import re
import sys
import sysconfig
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from laketrain.errors import DataError, LaketrainError, nearest

# How AutoGraph says, within the message of an error, where in the user's code it came from.
_IN_MESSAGE = re.compile(r'File "([^"]+)", line (\d+), in (\S+)')
_INSTALLED = (f"{Path(sysconfig.get_path('stdlib'))}{os.sep}", f"{Path(__file__).parent}{os.sep}")
_PACKAGES = {"site-packages", "dist-packages"}


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


@contextlib.contextmanager
def users_own(stage: str, subject: str) -> Iterator[None]:
    """What the user's own code raises in here becomes a DataError: it would only happen again. What the machine lacks
    stays as it is."""
    try:
        yield
    except (LaketrainError, MemoryError):
        raise
    except (Exception, SystemExit) as error:  # whatever they raise
        raise users_error(error, stage, subject) from error


def users_error(error: BaseException, stage: str, subject: str) -> DataError:
    """What the user's own code raised, with the place in it."""
    place = place_of(error)
    at = f", at {place}" if place else ""
    return DataError(stage, subject, f"raised {_said(error)}{at}", "it is code of your own: mend it there")


def place_of(error: BaseException) -> str:
    """The innermost line of the user's own that the error passed: `/home/me/nets.py, line 7, in small_net`; empty where
    it passed none."""
    frames = [(frame.filename, frame.lineno, frame.name) for frame in traceback.extract_tb(error.__traceback__)]
    told = [(file, int(line), name) for file, line, name in _IN_MESSAGE.findall(str(error))]
    own = [frame for frame in (*frames, *told) if _is_users(frame[0])]
    return "{}, line {}, in {}".format(*own[-1]) if own else ""


def _is_users(file: str) -> bool:
    """Whether it is no file of Python, of an installed package, of ours, nor one that TensorFlow made."""
    return not (file.startswith(("<frozen", *_INSTALLED)) or "__autograph_generated_file" in file
                or _PACKAGES & set(Path(file).parts))


def _said(error: BaseException) -> str:
    """Its type and what it says, without the stack that AutoGraph puts before it."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    kind = type(error).__name__
    if lines and lines[0].startswith("in user code"):
        return lines[-1][:400]
    return f"{kind}: {' '.join(lines)[:400]}" if lines else kind


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
