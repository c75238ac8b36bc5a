"""The temporal convolutional network of the zoo."""

from __future__ import annotations

import numpy as np
import pytest

from laketrain.features import FeatureSet
from laketrain.imports import import_tensorflow
from laketrain.models import parse_model


@pytest.mark.slow
def test_a_tcn_is_causal_and_has_its_documented_receptive_field() -> None:
    import_tensorflow()
    import keras

    # Enough filters that relu doesn't make all of them zero at the last step.
    model = parse_model({"name": "tcn", "filters": 32, "kernel": 2, "layers": 2}).build(
        FeatureSet.model_validate({"x": {"kind": "sequence", "shape": [12, 1]}, "y": {"kind": "value", "size": 1}}))
    within = keras.Model(model.inputs, model.get_layer("block_2_relu").output)
    row = np.random.default_rng(1).normal(size=(1, 12, 1)).astype(np.float32)
    changed = row.copy()
    changed[0, 4] += 3.0
    differs = np.abs(np.asarray(within({"x": row})) - np.asarray(within({"x": changed}))).max(axis=-1)[0] > 1e-7
    assert not differs[:4].any() and differs[4]
    assert not differs[4 + 1 + 2 * (2 - 1) * (2**2 - 1):].any()
