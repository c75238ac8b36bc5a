"""Imports TensorFlow without the messages that none of its log levels suppresses.

    import_tensorflow()
    import keras
"""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
from collections.abc import Iterator

TENSORFLOW_PACKAGES = ("tensorflow", "tensorflow-cpu", "tensorflow-rocm", "tensorflow-cpu-aws")
"""The names under which TensorFlow is published."""


def import_tensorflow() -> None:
    """Imports TensorFlow, and drops what it writes to the process's standard error meanwhile. A failing import raises
    as usual."""
    if "tensorflow" in sys.modules:
        return
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    with _no_stderr():
        importlib.import_module("tensorflow")


@contextlib.contextmanager
def _no_stderr() -> Iterator[None]:
    """Discards standard error, also of C++ code, which writes to the descriptor and not to `sys.stderr`."""
    sys.stderr.flush()
    original = os.dup(2)
    try:
        with open(os.devnull, "w") as devnull:
            os.dup2(devnull.fileno(), 2)
            yield
    finally:
        os.dup2(original, 2)
        os.close(original)
