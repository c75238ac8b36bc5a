"""A user's own model, loss, callback and train step: found by the driver and shipped by value, so executors need no
copy of them.

    code = pack_user_code(config)             # on the driver: refuses what isn't there
    functions = unpack_user_code(code)        # on a rank: {"mine:loss": <function>}
"""

from __future__ import annotations

import contextlib
import inspect
import linecache
import os
import sys
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import cloudpickle

from laketrain.distributed.backend import is_peer_failure
from laketrain.errors import DataError, LaketrainError
from laketrain.imports import import_object, place_of, users_error, users_own
from laketrain.workload import Train


def user_functions(config: Train) -> dict[str, Any]:
    """What the section names as `module:function`. Raises ConfigError or DataError where there is no such thing."""
    named = dict(config.calls)
    if config.model.call is not None:
        named[config.model.call] = "model.use"
    return {name: import_object(name, "train", f"train.{key}") for name, key in named.items()}


def pack_user_code(config: Train) -> bytes:
    """The functions as bytes for Spark to carry, with the modules that hold them and their source; empty where there
    are none."""
    functions = user_functions(config)
    modules = {module for function in functions.values() if (module := inspect.getmodule(function)) is not None
               and not _installed(module)}
    for module in modules:
        cloudpickle.register_pickle_by_value(module)
    try:
        return cloudpickle.dumps((functions, _files(functions))) if functions else b""
    except Exception as error:  # whatever the user's objects raise when they are pickled
        raise DataError("train", ", ".join(functions), f"can't be sent to executors ({type(error).__name__}: {error})",
                        "make what it needs (sessions, files, locks) inside the function") from error
    finally:
        for module in modules:
            cloudpickle.unregister_pickle_by_value(module)


def unpack_user_code(code: bytes) -> dict[str, Any]:
    """What the driver packed; it came with Spark's own task, and from nowhere else.

    Python is told the source of what has no file here: for tracebacks, and for TensorFlow, which makes graphs of
    conditions on tensors from it.
    """
    functions, files = _loaded(code) if code else ({}, {})
    for file, lines in files.items():
        if not os.path.exists(file):
            linecache.cache[file] = (sum(map(len, lines)), None, lines, file)
    return dict(functions)


def _loaded(code: bytes) -> tuple[dict[str, Any], dict[str, list[str]]]:
    try:
        functions, files = cloudpickle.loads(code)
    except Exception as error:  # whatever their modules raise where they come to life
        raise DataError("train", "code of your own", f"can't be loaded by a rank ({type(error).__name__}: {error})",
                        "what it imports must be installed where executors run (PYSPARK_PYTHON)") from error
    return functions, files


def source_of(config: Train) -> dict[str, str]:
    """A checksum of the module of each of the functions: another source is another training."""
    return {name: f"{zlib.crc32(_source(function).encode()):08x}" for name, function in user_functions(config).items()}


def _files(functions: Mapping[str, Any]) -> dict[str, list[str]]:
    """The lines of the files, or notebooks' cells, in which the functions are written."""
    found = {}
    for function in functions.values():
        with contextlib.suppress(OSError, TypeError):  # it was compiled
            file = inspect.getsourcefile(function)
            if file is not None and not _installed(inspect.getmodule(function)):
                found[file] = inspect.findsource(function)[0]
    return found


def _source(function: Any) -> str:
    module = inspect.getmodule(function)
    try:
        return inspect.getsource(module if module is not None else function)
    except (OSError, TypeError):  # made in a notebook's cell, or compiled
        return repr(function)


def _installed(module: Any) -> bool:
    """Whether executors have it too: a part of the environment, and no file beside the job."""
    file = getattr(module, "__file__", None)
    return file is not None and Path(file).is_relative_to(sys.prefix)


@contextlib.contextmanager
def blaming(config: Train) -> Iterator[None]:
    """Around a step, in which code of the user's own runs within a graph: what it raises, or what TensorFlow raises at
    what it makes, is theirs, and would only happen again. The end of another rank, and what the machine lacks, is not.

    Raises DataError for these.
    """
    try:
        yield
    except (LaketrainError, MemoryError):
        raise
    except Exception as error:
        running = _in_steps(config)
        if not running or is_peer_failure(error) or not (place_of(error) or isinstance(error, _mistakes())):
            raise
        raise users_error(error, "train", running) from error


def _in_steps(config: Train) -> str:
    """The settings that name code which runs in a step."""
    named = [("model.use", config.model.call), ("step", config.step),
             *(("loss", loss.use) for loss in config.loss.values())]
    return ", ".join(dict.fromkeys(f"train.{key} {name!r}" for key, name in named if name))


def _mistakes() -> tuple[type[Exception], ...]:
    """What comes of code, not of circumstances."""
    import tensorflow as tf

    return (ArithmeticError, AssertionError, AttributeError, LookupError, NameError, NotImplementedError, TypeError,
            ValueError, tf.errors.InvalidArgumentError, tf.errors.UnimplementedError)


class UserCallbacks:
    """The user's Keras callbacks, called as `fit` calls them; on the chief alone. What they raise is a DataError,
    unless memory is short."""

    def __init__(self, config: Train, functions: Mapping[str, Any], model: Any, chief: bool) -> None:
        self._model = model
        self._made: dict[str, Any] = {}
        for name in config.callbacks if chief else ():
            with self._blamed(name):
                self._made[name] = functions[name]()
                self._made[name].set_model(model)
                self._made[name].set_params({"epochs": config.epochs})

    def call(self, hook: str, *args: Any) -> None:
        """E.g. `on_epoch_end`, with what Keras gives it."""
        for name, callback in self._made.items():
            with self._blamed(name):
                getattr(callback, hook)(*args)

    @staticmethod
    def _blamed(name: str) -> contextlib.AbstractContextManager[None]:
        return users_own("train", f"train.callbacks {name!r}")

    @property
    def stop(self) -> bool:
        """Whether one of them has set `model.stop_training`."""
        return bool(self._made) and bool(self._model.stop_training)
