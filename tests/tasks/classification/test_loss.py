"""Crossentropies of classes equal NumPy."""

from __future__ import annotations

import numpy as np
import pytest

from laketrain.config.loss import Loss
from laketrain.imports import import_tensorflow
from laketrain.tasks.classification.loss import class_loss

pytestmark = pytest.mark.slow

CLASSES = np.array([2, 0, 1, 2])
LOGITS = np.random.default_rng(3).normal(size=(4, 3)).astype(np.float32)
PROBABILITIES = np.exp(LOGITS) / np.exp(LOGITS).sum(axis=1, keepdims=True)


@pytest.mark.parametrize("from_logits", [True, False])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_crossentropy_is_the_same_of_classes_and_of_shares(from_logits: bool, smoothing: float) -> None:
    import_tensorflow()
    shares = np.eye(3, dtype=np.float32)[CLASSES]
    expected = -((shares * (1 - smoothing) + smoothing / 3) * np.log(PROBABILITIES)).sum(axis=1)
    loss = class_loss(3, Loss(label_smoothing=smoothing), focal=False, from_logits=from_logits)
    outputs = LOGITS if from_logits else PROBABILITIES
    for truth in (CLASSES, shares):
        np.testing.assert_allclose(np.asarray(loss(truth, outputs)), expected, rtol=1e-4)


def test_focal_loss_weighs_well_predicted_rows_less() -> None:
    import_tensorflow()
    loss = class_loss(3, Loss(name="focal", gamma=2.0, alpha=0.25), focal=True, from_logits=False)
    of_class = PROBABILITIES[np.arange(4), CLASSES]
    np.testing.assert_allclose(np.asarray(loss(CLASSES, PROBABILITIES)),
                               -0.25 * (1 - of_class) ** 2 * np.log(of_class), rtol=1e-4)
