"""Packs functions of the user's for other processes, by value: executors need no copy of their modules.

    code = pack({"mine:loss": loss}, stage="train")
    functions = unpack(code, stage="train")
"""

from __future__ import annotations

import contextlib
import inspect
import linecache
import os
import sys
import zlib
from collections import ChainMap
from collections.abc import Callable, Mapping
from io import BytesIO
from pathlib import Path
from types import CodeType
from typing import Any, ClassVar

import cloudpickle

from laketrain.errors import DataError


def pack(functions: Mapping[str, Any], stage: str) -> bytes:
    """The functions, the modules that define them, and their source as bytes; empty if there are none.

    Raises:
        DataError: one of them can't be pickled.
    """
    modules = {module for function in functions.values() if (module := inspect.getmodule(function)) is not None
               and not _installed(module)}
    for module in modules:
        cloudpickle.register_pickle_by_value(module)
    try:
        return _pickled((functions, _sources(functions))) if functions else b""
    except Exception as error:  # whatever the user's objects raise when they are pickled
        raise DataError(stage, ", ".join(functions), f"can't be sent to executors ({type(error).__name__}: {error})",
                        "make what it needs (sessions, files, locks) inside the function") from error
    finally:
        for module in modules:
            cloudpickle.unregister_pickle_by_value(module)


def unpack(code: bytes, stage: str) -> dict[str, Any]:
    """The functions by name. `code` must come from the driver's own task.

    Source lines of files that don't exist here are registered with `linecache`: tracebacks show them, and TensorFlow
    needs them to convert conditions on tensors.
    """
    functions, sources = _loaded(code, stage) if code else ({}, {})
    for file, lines in sources.items():
        if not os.path.exists(file):
            linecache.cache[file] = (sum(map(len, lines)), None, lines, file)
    return dict(functions)


def is_built_in(part: type) -> bool:
    """Whether laketrain defines the class; the stages' REVISIONs cover its source in fingerprints."""
    return part.__module__.partition(".")[0] == "laketrain"


def source_checksum(function: Any) -> str:
    """A checksum of the text of the function's module, for fingerprints."""
    module = inspect.getmodule(function)
    try:
        text = inspect.getsource(module if module is not None else function)
    except (OSError, TypeError):  # defined in a notebook's cell, or compiled
        text = repr(function)
    return f"{zlib.crc32(text.encode()):08x}"


def _pickled(value: Any) -> bytes:
    with BytesIO() as buffer:
        _Pickler(buffer).dump(value)
        return buffer.getvalue()


def _reduce_code(code: CodeType) -> tuple[Any, ...]:
    constructor, arguments = cloudpickle.Pickler.dispatch_table[CodeType](code)
    return _code, (constructor, arguments, code.co_filename)


def _code(constructor: Callable[..., CodeType], arguments: tuple[Any, ...], file: str) -> CodeType:
    return constructor(*arguments).replace(co_filename=file)


class _Pickler(cloudpickle.Pickler):
    """cloudpickle's, which since 3.1.3 drops the file names of code. Tracebacks and TensorFlow need them."""

    dispatch_table: ClassVar[Any] = ChainMap({CodeType: _reduce_code}, cloudpickle.Pickler.dispatch_table)


def _loaded(code: bytes, stage: str) -> tuple[dict[str, Any], dict[str, list[str]]]:
    try:
        functions, sources = cloudpickle.loads(code)
    except Exception as error:  # whatever their modules raise when they are imported
        raise DataError(stage, "code of your own", f"can't be loaded by a rank ({type(error).__name__}: {error})",
                        "what it imports must be installed where executors run (PYSPARK_PYTHON)") from error
    return functions, sources


def _sources(functions: Mapping[str, Any]) -> dict[str, list[str]]:
    """The lines of the files, or notebooks' cells, that define the functions."""
    sources = {}
    for function in functions.values():
        with contextlib.suppress(OSError, TypeError):  # compiled
            file = inspect.getsourcefile(function)
            if file is not None and not _installed(inspect.getmodule(function)):
                sources[file] = inspect.findsource(function)[0]
    return sources


def _installed(module: Any) -> bool:
    """Whether the module is part of the environment, which executors have too."""
    file = getattr(module, "__file__", None)
    return file is not None and Path(file).is_relative_to(sys.prefix)
