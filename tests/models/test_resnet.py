"""The residual network of the zoo."""

from __future__ import annotations

import numpy as np
import pytest

from laketrain.imports import import_tensorflow
from laketrain.models import parse_model

from .mixed_features import mixed


@pytest.mark.slow
def test_stochastic_depth_drops_whole_branches_of_single_rows() -> None:
    """In training a row's branch is dropped, or scaled by 1 / (1 - rate); the last block has the full rate."""
    import_tensorflow()
    import keras

    settings = {"name": "resnet", "stages": [1, 1], "filters": 2, "stochastic_depth": 0.5}
    model = parse_model(settings).build(mixed("image", targets=["label"]))
    rates = [layer.rate for layer in model.layers if layer.name.endswith("_depth")]
    assert rates == [0.25, 0.5]
    depth = model.get_layer("stage_2_block_1_depth")
    within = keras.Model(model.inputs, [depth.input, depth.output])
    before, after = (np.asarray(tensor) for tensor in within(
        {"image": np.random.default_rng(0).integers(0, 255, (64, 8, 8, 3)).astype(np.uint8)}, training=True))
    dropped = (after == 0).all(axis=(1, 2, 3))
    assert 0 < dropped.sum() < 64
    np.testing.assert_allclose(after[~dropped], 2 * before[~dropped], rtol=1e-5)
