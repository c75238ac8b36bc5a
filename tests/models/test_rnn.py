"""The recurrent network of the zoo."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from laketrain.imports import import_tensorflow
from laketrain.models import parse_model
from laketrain.models.saving import load_saved

from .mixed_features import mixed


@pytest.mark.slow
@pytest.mark.parametrize("both", [True, False])
def test_padded_sequences_do_not_use_cudnn(tmp_path: Path, both: bool) -> None:
    import_tensorflow()

    def cudnn(model: Any) -> dict[str, bool | str]:
        return {layer.name: layer.use_cudnn for layer in model._flatten_layers() if hasattr(layer, "use_cudnn")}

    declared = parse_model({"name": "rnn", "units": 3, "layers": 2, "bidirectional": both})
    for name, expected in (("visits", False), ("history", "auto")):
        model = declared.build(mixed(name, targets=["label"]))
        assert set(cudnn(model).values()) == {expected}
        model.save(tmp_path / "model.keras")
        assert set(cudnn(load_saved(str(tmp_path / "model.keras"), "model")).values()) == {expected}


@pytest.mark.slow
def test_a_masked_sequence_is_read_up_to_its_last_valid_step() -> None:
    """Compared with the same weights on only the valid steps, without a mask."""
    import_tensorflow()
    import keras

    model = parse_model({"name": "rnn", "units": 3}).build(mixed("visits", targets=["label"]))
    row = np.zeros((1, 5, 3), np.float32)
    row[0, :2] = [[0.5, -1, 1], [2, 0.25, 1]]
    layer = model.get_layer("gru_1")
    plain = keras.layers.GRU(3)
    plain.build((None, None, 3))
    plain.set_weights(layer.get_weights())
    kernel, bias = model.get_layer("label").get_weights()
    logits = np.asarray(plain(row[:, :2])) @ kernel + bias
    expected = np.exp(logits) / np.exp(logits).sum()
    np.testing.assert_allclose(np.asarray(model({"visits": row})), expected, atol=1e-6)
