"""Fixtures of the tests of models."""

from __future__ import annotations

import pytest

from laketrain.imports import import_tensorflow


@pytest.fixture(autouse=True)
def _same_weights() -> None:
    """Each test draws the same weights, in any order of the tests."""
    import_tensorflow()
    import keras

    keras.utils.set_random_seed(0)
