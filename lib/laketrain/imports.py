"""TensorFlow imported without its greetings, which no log level of its own keeps from the terminal.

    import_tensorflow()
    import keras
"""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
from collections.abc import Iterator


def import_tensorflow() -> None:
    """Imports TensorFlow; what it writes to the process's standard error meanwhile is dropped. An import that fails
    raises as ever."""
    if "tensorflow" in sys.modules:
        return
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    with _no_stderr():
        importlib.import_module("tensorflow")


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
