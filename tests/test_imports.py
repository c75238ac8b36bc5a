"""TensorFlow is imported without its messages."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from laketrain.imports import _no_stderr


def test_what_is_written_to_the_descriptor_is_discarded(capfd: pytest.CaptureFixture[str]) -> None:
    with _no_stderr():
        os.write(2, b"as C++ writes")
    os.write(2, b"after")
    assert capfd.readouterr().err == "after"


@pytest.mark.slow
def test_importing_tensorflow_prints_nothing() -> None:
    program = "from laketrain.imports import import_tensorflow; import_tensorflow(); import keras"
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert (result.stdout, result.stderr) == ("", "")
