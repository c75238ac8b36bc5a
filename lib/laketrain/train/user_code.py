"""The user's own model, loss, callbacks and train step: looked up on the driver, sent to the ranks by value.

    code = pack_user_code(config)             # on the driver: raises where something doesn't exist
    functions = unpack_user_code(code)        # on a rank: {"mine:loss": <function>}
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

from laketrain.distributed.backend import is_peer_failure
from laketrain.errors import LaketrainError
from laketrain.tasks import Output
from laketrain.usercode.errors import user_error, user_location
from laketrain.usercode.loading import import_object
from laketrain.usercode.packing import is_built_in, pack, source_checksum, unpack
from laketrain.workload import Train


def user_functions(config: Train) -> dict[str, Any]:
    """What the section names as `module:function`. Raises LaketrainError where it doesn't exist."""
    names = dict(config.calls)
    if config.model.call is not None:
        names[config.model.call] = "model.use"
    return {name: import_object(name, "train", f"train.{key}") for name, key in names.items()}


def pack_user_code(config: Train) -> bytes:
    """The functions as bytes for Spark to send; empty if there are none."""
    return pack(user_functions(config), "train")


def unpack_user_code(code: bytes) -> dict[str, Any]:
    """The functions that the driver packed."""
    return unpack(code, "train")


def source_checksums(config: Train, outputs: Mapping[str, Output]) -> dict[str, str]:
    """A checksum of the module of each function, and of the model and tasks that plugins registered: with changed
    source, training has another fingerprint."""
    registered = [type(config.model), *(type(output.task) for output in outputs.values())]
    plugins = {f"{part.__module__}:{part.__qualname__}": part for part in registered if not is_built_in(part)}
    return {name: source_checksum(code) for name, code in {**user_functions(config), **plugins}.items()}


@contextlib.contextmanager
def wrap_step_errors(config: Train) -> Iterator[None]:
    """Wraps a step, whose graph may run code of the user's own. Errors that this code raises, or that TensorFlow raises
    for the graph it makes, become a DataError, since they would only happen again. The failure of another rank and a
    lack of resources stay as they are.
    """
    try:
        yield
    except (LaketrainError, MemoryError):
        raise
    except Exception as error:
        settings = _settings_in_steps(config)
        if not settings or is_peer_failure(error) or not (user_location(error) or isinstance(error, _code_errors())):
            raise
        raise user_error(error, "train", settings) from error


def _settings_in_steps(config: Train) -> str:
    """The settings that name code which runs in a step."""
    names = [("model.use", config.model.call), ("step", config.step),
             *(("loss", loss.use) for loss in config.loss.values())]
    return ", ".join(dict.fromkeys(f"train.{key} {name!r}" for key, name in names if name))


def _code_errors() -> tuple[type[Exception], ...]:
    """Errors with a cause in code, not in circumstances."""
    import tensorflow as tf

    return (ArithmeticError, AssertionError, AttributeError, LookupError, NameError, NotImplementedError, TypeError,
            ValueError, tf.errors.InvalidArgumentError, tf.errors.UnimplementedError)
