"""What a test of models is given."""

from __future__ import annotations

import pytest

from laketrain.imports import import_tensorflow


@pytest.fixture(autouse=True)
def _same_weights() -> None:
    """Each test draws the same weights, whichever ran before it."""
    import_tensorflow()
    import keras

    keras.utils.set_random_seed(0)
